import { ApiProperty, ApiPropertyOptional, PickType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Min,
  ValidateNested,
} from 'class-validator';
import type { JsonObject } from '#contracts/json.js';
import { OUTPUT_FORMATS, type OutputFormat } from '#contracts/orchestration.js';
import { IsMetadata } from '../jobs/is-metadata.js';
import { PolicyDto } from '../jobs/policy.dto.js';
import { IsCapabilities } from './is-capabilities.js';
import { OrchestrationDto } from './orchestration.dto.js';

const LONGEST_METADATA_VALUE = 512;

/** `request` in the original product's envelopes. */
export class EnvelopeRequestDto {
  @ApiPropertyOptional({ type: String, description: "The client's own id: the job's metadata has it as `request_id`" })
  @IsOptional()
  @IsString()
  @Length(1, LONGEST_METADATA_VALUE)
  id?: string | null;

  @ApiProperty({ type: [Object], description: 'As in an OpenAI chat' })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  messages!: JsonObject[];

  @ApiPropertyOptional({
    type: String,
    description: 'The model to try first: others follow, unless `policy.fallback` is false',
  })
  @IsOptional()
  @IsString()
  @Length(1, 256)
  model_hint?: string | null;

  @ApiPropertyOptional({ type: Number, description: 'Taken, and not used: Tokenhub counts by itself' })
  @IsOptional()
  @IsInt()
  @Min(0)
  estimated_input_tokens?: number | null;

  @ApiPropertyOptional({
    type: Object,
    description: "The job's metadata: at most 16 pairs of strings, with `id` among them",
  })
  @IsOptional()
  @IsMetadata()
  meta?: Record<string, string> | null;

  @ApiPropertyOptional({ type: Object, description: 'The same as `output_format.schema`' })
  @IsOptional()
  @IsObject()
  output_schema?: JsonObject | null;

  @ApiPropertyOptional({ type: Object, description: 'Further fields of an OpenAI chat: temperature, tools, stop …' })
  @IsOptional()
  @IsObject()
  parameters?: JsonObject | null;

  @ApiPropertyOptional({ type: Boolean, description: 'Only false: streams are at /v1/chat/completions' })
  @IsOptional()
  @IsBoolean()
  stream?: boolean | null;
}

/** `output_format` in the original product's envelopes. */
export class OutputFormatDto {
  @ApiPropertyOptional({ enum: OUTPUT_FORMATS })
  @IsOptional()
  @IsIn(OUTPUT_FORMATS)
  type?: OutputFormat | null;

  @ApiPropertyOptional({ type: Object })
  @IsOptional()
  @IsObject()
  schema?: JsonObject | null;

  @ApiPropertyOptional({ type: Number, minimum: 1 })
  @IsOptional()
  @IsInt()
  @Min(1)
  max_tokens?: number | null;

  @ApiPropertyOptional({ type: Boolean })
  @IsOptional()
  @IsBoolean()
  strip_think?: boolean | null;
}

/** The body of the original product's `POST /v1/chat` and `POST /v1/plan`. */
export class EnvelopeDto {
  @ApiPropertyOptional({
    type: Object,
    description:
      'What the client can do, as a list of names or a map of booleans. Taken, and not used: what a request needs of a model is seen in the request itself',
  })
  @IsOptional()
  @IsCapabilities()
  capabilities?: string[] | Record<string, boolean>;

  @ApiPropertyOptional({ type: () => PolicyDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyDto)
  policy?: PolicyDto;

  @ApiProperty({ type: () => EnvelopeRequestDto })
  @IsDefined()
  @IsObject()
  request!: unknown;

  @ApiPropertyOptional({
    type: () => OrchestrationDto,
    description: 'In /v1/plan its mode is planning when empty or absent',
  })
  @IsOptional()
  @IsObject()
  orchestration?: JsonObject | null;

  @ApiPropertyOptional({ type: () => OutputFormatDto })
  @IsOptional()
  @IsObject()
  output_format?: unknown;
}

/** What `POST /v1/adversarial` lets a client choose. */
export class AdversarialOptionsDto extends PickType(OrchestrationDto, [
  'iterations',
  'primary_model_id',
  'review_model_id',
  'primary_min_weight',
  'review_min_weight',
] as const) {}

/** The body of `POST /v1/adversarial`. */
export class AdversarialDto {
  @ApiProperty({ type: String })
  @IsString()
  @Length(1)
  prompt!: string;

  @ApiPropertyOptional({ type: Number, minimum: 1, description: 'Of each call' })
  @IsOptional()
  @IsInt()
  @Min(1)
  max_tokens?: number | null;

  @ApiPropertyOptional({ type: () => PolicyDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyDto)
  policy?: PolicyDto;

  @ApiPropertyOptional({ type: () => AdversarialOptionsDto })
  @IsOptional()
  @IsObject()
  orchestration?: JsonObject | null;
}
