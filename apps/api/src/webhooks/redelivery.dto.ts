import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

export const REDELIVERED_STATES = ['dead', 'delivered'] as const;
export const MOST_REDELIVERED = 100;

/** The body of `POST /v1/webhook-endpoints/:id/redeliver`. */
export class RedeliveryDto {
  @ApiProperty({ type: String, format: 'date-time', description: 'Of the events: from this time on' })
  @IsString()
  @MaxLength(64)
  from!: string;

  @ApiProperty({ type: String, format: 'date-time', description: 'And before this one' })
  @IsString()
  @MaxLength(64)
  to!: string;

  @ApiPropertyOptional({ enum: REDELIVERED_STATES, default: 'dead' })
  @IsOptional()
  @IsIn(REDELIVERED_STATES)
  state?: (typeof REDELIVERED_STATES)[number];

  @ApiPropertyOptional({ type: String, description: '`last_id` of the answer before' })
  @IsOptional()
  @IsString()
  @MaxLength(256)
  after?: string;

  @ApiPropertyOptional({ type: Number, minimum: 1, maximum: MOST_REDELIVERED, default: MOST_REDELIVERED })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MOST_REDELIVERED)
  limit?: number;
}
