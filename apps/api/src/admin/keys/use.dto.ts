import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsObject,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { PolicyDto } from '../../jobs/policy.dto.js';

/** The form of ids of projects and keys, as in the configuration file. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const ID_RULE = '$property must be 1 to 64 letters, digits and . _ -, starting with a letter or digit';

export const MOST_ALLOWED = 200;

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
}
