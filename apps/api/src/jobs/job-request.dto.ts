import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsDefined,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { JOB_TYPES, type JobType } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import { WEBHOOK_FILTERS, type WebhookFilter } from '#contracts/webhook.js';
import { OrchestrationDto } from '../orchestrations/orchestration.dto.js';
import { OutputDto } from '../orchestrations/output.dto.js';
import { IsMetadata } from './is-metadata.js';
import { PolicyDto } from './policy.dto.js';

const YEAR_MS = 365 * 24 * 3_600_000;

/** What explain and create share: the work, and what is asked of routing. */
export class RouteRequestDto {
  @ApiProperty({ enum: JOB_TYPES })
  @IsIn(JOB_TYPES)
  type!: JobType;

  @ApiProperty({ type: Object, description: 'The OpenAI body of that type; of an orchestration, a chat body' })
  @IsDefined()
  @IsObject()
  request!: JsonObject;

  @ApiPropertyOptional({ type: () => PolicyDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyDto)
  policy?: PolicyDto;

  /** Checked by itself, as `output` is: a schema's own field names are nobody's business here. */
  @ApiPropertyOptional({
    type: () => OrchestrationDto,
    description: 'Required by the type orchestration, and only there',
  })
  @IsOptional()
  @IsObject()
  orchestration?: unknown;

  @ApiPropertyOptional({ type: () => OutputDto, description: 'Of chats and orchestrations' })
  @IsOptional()
  @IsObject()
  output?: unknown;
}

/** The fields of job requests that are not looked into when their envelope is. */
export const OPAQUE_ROUTE_FIELDS = ['request', 'orchestration', 'output'] as const;

/** Who is told of a job's end, beside the project's endpoints. */
export class WebhookDto {
  @ApiProperty({ type: String, format: 'uri', description: 'Public https; port 443 or 8443' })
  @IsString()
  @MaxLength(2_048)
  url!: string;

  @ApiPropertyOptional({ enum: WEBHOOK_FILTERS, isArray: true, description: 'job.* when absent' })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(WEBHOOK_FILTERS.length)
  @IsIn(WEBHOOK_FILTERS, { each: true })
  events?: WebhookFilter[];
}

/** The body of `POST /v1/jobs`. */
export class JobRequestDto extends RouteRequestDto {
  @ApiPropertyOptional({ type: Number, description: 'From creation or not_before; not together with deadline' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(YEAR_MS)
  timeout_ms?: number;

  @ApiPropertyOptional({ type: String, format: 'date-time' })
  @IsOptional()
  @IsISO8601({ strict: true })
  deadline?: string;

  @ApiPropertyOptional({ type: String, format: 'date-time' })
  @IsOptional()
  @IsISO8601({ strict: true })
  not_before?: string;

  @ApiPropertyOptional({ type: () => WebhookDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => WebhookDto)
  webhook?: WebhookDto;

  @ApiPropertyOptional({ type: Object, description: 'At most 16 pairs of strings' })
  @IsOptional()
  @IsMetadata()
  metadata?: Record<string, string>;
}

/** What may ride in an OpenAI-shaped body under `tokenhub`. */
export class TokenhubFieldDto {
  @ApiPropertyOptional({ type: () => PolicyDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyDto)
  policy?: PolicyDto;

  @ApiPropertyOptional({ type: () => OrchestrationDto, description: 'Only in chats: the answer is its final text' })
  @IsOptional()
  @IsObject()
  orchestration?: unknown;

  @ApiPropertyOptional({ type: () => OutputDto, description: 'Only in chats' })
  @IsOptional()
  @IsObject()
  output?: unknown;

  @ApiPropertyOptional({ type: Object })
  @IsOptional()
  @IsMetadata()
  metadata?: Record<string, string>;
}
