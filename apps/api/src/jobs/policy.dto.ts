import { ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { PRIORITIES, type Priority } from '#contracts/job-state.js';
import { ROUTING_MODES, type RoutingMode, type WirePolicy } from '#contracts/policy.js';

/** What a client may ask of routing. */
export class PolicyDto implements WirePolicy {
  @ApiPropertyOptional({ enum: ROUTING_MODES, default: 'normal' })
  @IsOptional()
  @IsIn(ROUTING_MODES)
  mode?: RoutingMode;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: 10 })
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(10)
  min_weight?: number;

  @ApiPropertyOptional({ type: Number, description: 'Expected latency plus wait, in milliseconds' })
  @IsOptional()
  @IsInt()
  @Min(1)
  max_latency_ms?: number;

  @ApiPropertyOptional({ type: Number, description: 'For the whole job: all calls, retries and rounds' })
  @IsOptional()
  @IsNumber()
  @Min(0)
  max_budget_usd?: number;

  @ApiPropertyOptional({ type: [String], description: 'Restricts and orders the candidates' })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  models?: string[];

  @ApiPropertyOptional({ type: Boolean, description: 'False pins the first model' })
  @IsOptional()
  @IsBoolean()
  fallback?: boolean;

  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: 20, default: 6 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(20)
  max_attempts?: number;

  @ApiPropertyOptional({ enum: PRIORITIES })
  @IsOptional()
  @IsIn(PRIORITIES)
  priority?: Priority;

  @ApiPropertyOptional({ type: Boolean, description: '400 instead of dropping what a vendor lacks' })
  @IsOptional()
  @IsBoolean()
  strict?: boolean;

  @ApiPropertyOptional({ enum: ['fail', 'next'], default: 'fail' })
  @IsOptional()
  @IsIn(['fail', 'next'])
  on_content_filter?: 'fail' | 'next';
}
