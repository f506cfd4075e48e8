import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsNumber, IsObject, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import type { JsonObject } from '#contracts/json.js';
import {
  LEAST_VOTERS,
  MOST_ITERATIONS,
  MOST_VOTERS,
  ORCHESTRATION_MODES,
  type OrchestrationMode,
} from '#contracts/orchestration.js';

const HIGHEST_WEIGHT = 10;

/** How models work together on one request. What a mode has no use for is refused, unless it is the default. */
export class OrchestrationDto {
  @ApiProperty({ enum: ORCHESTRATION_MODES })
  @IsIn(ORCHESTRATION_MODES)
  mode!: OrchestrationMode;

  @ApiPropertyOptional({
    type: Number,
    minimum: 1,
    maximum: MOST_ITERATIONS,
    description:
      'Rounds of criticism: adversarial (1 when absent) and refine (2). Planning and vote have none. ' +
      'In `POST /v1/chat` and `POST /v1/plan` alone it is the number of voters of a vote, as it was in the original product',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MOST_ITERATIONS)
  iterations?: number | null;

  @ApiPropertyOptional({
    type: Number,
    minimum: LEAST_VOTERS,
    maximum: MOST_VOTERS,
    default: 3,
    description: 'Candidates of a vote',
  })
  @IsOptional()
  @IsInt()
  @Min(LEAST_VOTERS)
  @Max(MOST_VOTERS)
  voters?: number | null;

  @ApiPropertyOptional({ type: String, description: 'Who plans, answers and refines; comes before all weights' })
  @IsOptional()
  @IsString()
  @Length(1, 256)
  primary_model_id?: string | null;

  @ApiPropertyOptional({ type: String, description: 'Who criticises (adversarial) or judges (vote)' })
  @IsOptional()
  @IsString()
  @Length(1, 256)
  review_model_id?: string | null;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: HIGHEST_WEIGHT, default: 0 })
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(HIGHEST_WEIGHT)
  primary_min_weight?: number | null;

  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: HIGHEST_WEIGHT, default: 0 })
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(HIGHEST_WEIGHT)
  review_min_weight?: number | null;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Adversarial: end with the first plan' })
  @IsOptional()
  @IsBoolean()
  return_plan_only?: boolean | null;

  @ApiPropertyOptional({ type: Object, description: 'JSON Schema of the final text; the same as `output.schema`' })
  @IsOptional()
  @IsObject()
  output_schema?: JsonObject | null;
}
