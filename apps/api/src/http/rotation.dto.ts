import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

const USUAL_OVERLAP_S = 24 * 3_600;
const LONGEST_OVERLAP_S = 90 * 24 * 3_600;

/** The body of a call that replaces a secret, and lets the one before go on for a while. */
export class RotationDto {
  @ApiPropertyOptional({ type: Number, minimum: 0, maximum: LONGEST_OVERLAP_S, default: USUAL_OVERLAP_S })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(LONGEST_OVERLAP_S)
  overlap_seconds?: number | null;
}

/** How long the secret before goes on, in milliseconds; a day where nothing is said. */
export function overlapMsOf({ overlap_seconds: seconds }: RotationDto): number {
  return (seconds ?? USUAL_OVERLAP_S) * 1_000;
}
