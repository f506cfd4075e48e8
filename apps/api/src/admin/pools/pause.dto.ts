import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

const LONGEST_PAUSE_S = 90 * 24 * 3_600;
const LONGEST_REASON = 200;

/** The body of `POST /admin/v1/pools/:id/pause`. */
export class PauseDto {
  @ApiPropertyOptional({
    ...{ type: Number, minimum: 1, maximum: LONGEST_PAUSE_S, nullable: true },
    description: 'Until it is resumed when absent',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(LONGEST_PAUSE_S)
  for_seconds?: number | null;

  @ApiPropertyOptional({ type: String, maxLength: LONGEST_REASON, nullable: true, description: 'For people' })
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_REASON)
  reason?: string | null;
}
