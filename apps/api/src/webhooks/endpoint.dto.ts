import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { ID_PATTERN, ID_RULE } from '#contracts/own-ids.js';
import { WEBHOOK_FILTERS, type WebhookFilter } from '#contracts/webhook.js';
import { RotationDto } from '../http/rotation.dto.js';

/** No control characters: what people read must not steer a terminal or a page. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u;
const LONGEST_URL = 2_048;

function Given(): PropertyDecorator {
  return ValidateIf((_endpoint, value) => value !== undefined);
}

/** What all ways to write an endpoint have in common. */
export class EndpointUseDto {
  @ApiPropertyOptional({ enum: WEBHOOK_FILTERS, isArray: true, description: 'job.* when absent' })
  @Given()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(WEBHOOK_FILTERS, { each: true })
  events?: WebhookFilter[];

  @ApiPropertyOptional({ type: String, nullable: true, description: 'For people' })
  @IsOptional()
  @IsString()
  @Length(1, 200)
  @Matches(PLAIN_TEXT, { message: '$property must not have control characters' })
  description?: string | null;

  @ApiPropertyOptional({ type: Boolean, default: true, description: 'True also ends a disabling by Tokenhub' })
  @Given()
  @IsBoolean()
  enabled?: boolean;
}

/** The body of `PATCH /v1/webhook-endpoints/:id`. */
export class EndpointFieldsDto extends EndpointUseDto {
  @ApiPropertyOptional({ type: String, format: 'uri', description: 'Public https; port 443 or 8443' })
  @Given()
  @IsString()
  @MaxLength(LONGEST_URL)
  url?: string;
}

/** The body of `POST /v1/webhook-endpoints`. */
export class NewEndpointDto extends EndpointUseDto {
  @ApiPropertyOptional({ type: String, pattern: ID_PATTERN.source, description: 'Made up when absent' })
  @IsOptional()
  @Matches(ID_PATTERN, { message: ID_RULE })
  id?: string;

  @ApiProperty({ type: String, format: 'uri', description: 'Public https; port 443 or 8443' })
  @IsString()
  @MaxLength(LONGEST_URL)
  url!: string;

  @ApiPropertyOptional({ type: String, description: 'whsec_ and the base64 of 24 to 64 bytes; made up when absent' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  secret?: string;
}

/** The body of `POST /v1/webhook-endpoints/:id/rotate`. */
export class SecretRotationDto extends RotationDto {
  @ApiPropertyOptional({ type: String, description: 'whsec_ and the base64 of 24 to 64 bytes; made up when absent' })
  @IsOptional()
  @IsString()
  @MaxLength(200)
  secret?: string;
}
