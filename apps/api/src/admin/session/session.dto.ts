import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';

/** Longer than any token that a person would choose. */
const LONGEST_TOKEN = 1_024;

export class SignInDto {
  @ApiProperty({ type: String, description: 'The admin token' })
  @IsString()
  @MaxLength(LONGEST_TOKEN)
  token!: string;
}
