import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';

/** The body of `PUT /admin/v1/budgets`. */
export class SpentDto {
  @ApiProperty({ type: String })
  @IsString()
  project!: string;

  @ApiPropertyOptional({ type: String, nullable: true, description: 'Absent: the budget of the project itself' })
  @IsOptional()
  @IsString()
  key?: string | null;

  @ApiProperty({ type: String, description: 'Of this moment: 2026-11-22 or 2026-11' })
  @Matches(/^\d{4}-\d{2}(-\d{2})?$/, { message: 'period must be a day or a month, such as 2026-11-22 or 2026-11' })
  period!: string;

  @ApiProperty({ type: Number, minimum: 0, description: 'Nano-dollars' })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  spent_nano!: number;
}
