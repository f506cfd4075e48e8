import { ApiProperty } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { ID_PATTERN, ID_RULE } from '#contracts/own-ids.js';
import { UseDto } from './use.dto.js';

/** The body of `PUT` and `PATCH /admin/v1/projects/:id`. */
export class ProjectFieldsDto extends UseDto {}

/** The body of `POST /admin/v1/projects`. */
export class NewProjectDto extends UseDto {
  @ApiProperty({ type: String, pattern: ID_PATTERN.source })
  @Matches(ID_PATTERN, { message: ID_RULE })
  id!: string;
}
