import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Equals, IsIn, IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from '#vault/key-encryption.js';
import { VAULT_MODES, type VaultMode } from '#vault/vault-record.js';

const LONGEST_SECRET = 8_192;

/** As in the configuration file. */
const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const NAME_RULE = '$property must be 1 to 64 letters, digits and . _ -, starting with a letter or digit';
// What ends up in a header of a request to a provider; a space or a line feed at its end is one that was copied with it.
const VALUE_PATTERN = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;
const VALUE_RULE = '$property must be printable ASCII without spaces around it';

/** The body of `POST /admin/v1/vault/init`. */
export class InitVaultDto {
  @ApiProperty({
    enum: VAULT_MODES,
    description: 'env: TOKENHUB_ENCRYPTION_KEY opens it; password: an administrator does',
  })
  @IsIn(VAULT_MODES)
  mode!: VaultMode;

  @ApiPropertyOptional({ type: String, minLength: SHORTEST_PASSWORD, maxLength: LONGEST_PASSWORD, writeOnly: true })
  @IsOptional()
  @IsString()
  @Length(SHORTEST_PASSWORD, LONGEST_PASSWORD)
  password?: string | null;
}

/** The body of `POST /admin/v1/vault/unlock`. */
export class UnlockVaultDto {
  @ApiPropertyOptional({ type: String, maxLength: LONGEST_PASSWORD, writeOnly: true, description: 'In mode password' })
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_PASSWORD)
  password?: string | null;
}

/** The body of `POST /admin/v1/vault/rotate`: one of the three. */
export class RotateVaultDto extends UnlockVaultDto {
  @ApiPropertyOptional({ type: String, minLength: SHORTEST_PASSWORD, maxLength: LONGEST_PASSWORD, writeOnly: true })
  @IsOptional()
  @IsString()
  @Length(SHORTEST_PASSWORD, LONGEST_PASSWORD)
  new_password?: string | null;

  @ApiPropertyOptional({ type: Boolean, description: 'A new data key, which all secrets are sealed with again' })
  @IsOptional()
  @Equals(true)
  data_key?: true | null;

  @ApiPropertyOptional({
    type: Boolean,
    description: 'Wrap the data keys with the TOKENHUB_ENCRYPTION_KEY of this process',
  })
  @IsOptional()
  @Equals(true)
  encryption_key?: true | null;
}

/** The body of `PUT /admin/v1/vault/secrets/:name`. */
export class SecretValueDto {
  @ApiProperty({ type: String, maxLength: LONGEST_SECRET, writeOnly: true, description: 'Shown by no answer' })
  @IsString()
  @Length(1, LONGEST_SECRET)
  @Matches(VALUE_PATTERN, { message: VALUE_RULE })
  value!: string;
}

/** The body of `POST /admin/v1/vault/secrets`. */
export class NewSecretDto extends SecretValueDto {
  @ApiProperty({ type: String, pattern: NAME_PATTERN.source })
  @Matches(NAME_PATTERN, { message: NAME_RULE })
  name!: string;
}

/** True for what may name a secret. */
export function isSecretName(name: string): boolean {
  return NAME_PATTERN.test(name);
}
