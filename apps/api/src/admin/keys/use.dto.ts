import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { LARGEST_BUDGET_USD } from '#contracts/budgets.js';
import { PolicyDto } from '../../jobs/policy.dto.js';

export const MOST_ALLOWED = 200;

function IsBudget(): PropertyDecorator {
  return (target, property) => {
    ApiPropertyOptional({ type: Number, minimum: 0, maximum: LARGEST_BUDGET_USD })(target, property);
    for (const rule of [IsOptional(), IsNumber(), Min(0), Max(LARGEST_BUDGET_USD)]) rule(target, property);
  };
}

/** US dollars that all jobs made in a day or month (UTC) may cost; an absent one is no budget. */
export class BudgetDto {
  @IsBudget() day_usd?: number;
  @IsBudget() month_usd?: number;
}

/** What an administrator says of projects and keys alike. */
export class UseDto {
  @ApiPropertyOptional({ type: String, nullable: true, description: 'For people' })
  @IsOptional()
  @IsString()
  @Length(1, 200)
  name?: string | null;

  @ApiPropertyOptional({ type: Boolean, default: false, description: 'Every request is refused, at once everywhere' })
  @IsOptional()
  @IsBoolean()
  disabled?: boolean | null;

  @ApiPropertyOptional({
    type: [String],
    nullable: true,
    description: 'Ids of the models and aliases that may be asked for; null means all',
  })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MOST_ALLOWED)
  @IsString({ each: true })
  @Length(1, 200, { each: true })
  @ArrayUnique()
  allowed_models?: string[] | null;

  @ApiPropertyOptional({
    type: () => PolicyDto,
    description: "What holds where a request says nothing; a key's words come before its project's",
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => PolicyDto)
  policy?: PolicyDto | null;

  @ApiPropertyOptional({
    type: () => BudgetDto,
    description: "What its jobs may cost; a key's jobs count for its project, too",
  })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => BudgetDto)
  budget?: BudgetDto | null;
}
