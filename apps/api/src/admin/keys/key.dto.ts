import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
  IsObject,
  IsOptional,
  IsPositive,
  IsString,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { ID_PATTERN, ID_RULE } from '#contracts/own-ids.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import { SCOPES, type Scope } from '#contracts/scopes.js';
import { ISO_TIME } from '../../http/iso-time.js';
import { UseDto } from './use.dto.js';

const LARGEST_SHARE = 1_000_000;

function IsLimit(): PropertyDecorator {
  return (target, property) => {
    ApiPropertyOptional({ type: Number, minimum: 1 })(target, property);
    for (const rule of [IsOptional(), IsInt(), Min(1), Max(Number.MAX_SAFE_INTEGER)]) rule(target, property);
  };
}

/** Requests and tokens per minute and day, and unfinished jobs at once; an absent limit is no limit. */
export class KeyLimitsDto implements Limits {
  @IsLimit() rpm?: number;
  @IsLimit() rpd?: number;
  @IsLimit() tpm?: number;
  @IsLimit() tpd?: number;
  @IsLimit() itpm?: number;
  @IsLimit() otpm?: number;
  @IsLimit() concurrency?: number;
}

/** What all ways to write a key have in common. */
export class KeyUseDto extends UseDto {
  @ApiPropertyOptional({ type: Number, default: 1, description: 'Its part of a pool in which several keys wait' })
  @IsOptional()
  @IsNumber()
  @IsPositive()
  @Max(LARGEST_SHARE)
  share?: number | null;

  @ApiPropertyOptional({ type: () => KeyLimitsDto })
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => KeyLimitsDto)
  limits?: KeyLimitsDto | null;

  @ApiPropertyOptional({ type: String, format: 'date-time', nullable: true, description: 'From when on it is refused' })
  @IsOptional()
  @IsISO8601({ strict: true })
  @Matches(ISO_TIME, { message: 'expires_at must be a time with its zone, such as 2027-01-01T00:00:00Z' })
  expires_at?: string | null;
}

/** The body of `PATCH /admin/v1/keys/:id`: a JSON merge patch. */
export class KeyFieldsDto extends KeyUseDto {
  @ApiPropertyOptional({ enum: SCOPES, isArray: true })
  @ValidateIf((_key, value) => value !== undefined)
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(SCOPES, { each: true })
  scopes?: Scope[];
}

/** The body of `PUT /admin/v1/keys/:id`. */
export class KeyDefinitionDto extends KeyUseDto {
  @ApiProperty({ type: String, description: 'The id of its project, for good' })
  @IsString()
  project!: string;

  @ApiProperty({ enum: SCOPES, isArray: true })
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(SCOPES, { each: true })
  scopes!: Scope[];
}

/** The body of `POST /admin/v1/keys`. */
export class NewKeyDto extends KeyDefinitionDto {
  @ApiPropertyOptional({ type: String, pattern: ID_PATTERN.source, description: 'Made up when absent' })
  @IsOptional()
  @Matches(ID_PATTERN, { message: ID_RULE })
  id?: string;
}
