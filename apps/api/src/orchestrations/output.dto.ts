import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsObject, IsOptional } from 'class-validator';
import type { JsonObject } from '#contracts/json.js';
import { OUTPUT_FORMATS, type OutputFormat } from '#contracts/orchestration.js';

/** What the final text must be; of chats and orchestrations. */
export class OutputDto {
  @ApiPropertyOptional({
    enum: OUTPUT_FORMATS,
    description: 'As the model wrote it when absent; json where a schema is given',
  })
  @IsOptional()
  @IsIn(OUTPUT_FORMATS)
  format?: OutputFormat | null;

  @ApiPropertyOptional({ type: Object, description: 'JSON Schema (draft-07 or 2020-12); only with format json' })
  @IsOptional()
  @IsObject()
  schema?: JsonObject | null;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Take out `<think>…</think>`' })
  @IsOptional()
  @IsBoolean()
  strip_think?: boolean | null;
}
