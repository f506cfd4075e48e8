import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { listOf } from '../../http/list-of.js';
import { overlapMsOf, RotationDto } from '../../http/rotation.dto.js';
import { validateDto } from '../../jobs/validate-dto.js';
import { By } from '../audit/done-by.js';
import { projectFilter, show } from './answer.js';
import { KeyAdmin } from './key-admin.js';
import { KeyDefinitionDto, KeyFieldsDto, NewKeyDto } from './key.dto.js';
import { requireId } from './require-id.js';

/** API keys: made, changed, rotated, disabled, deleted. A secret is shown by the answer that makes it, once. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/keys')
@UseGuards(AdminGuard)
export class KeysController {
  constructor(private readonly keys: KeyAdmin) {}

  @Get()
  @ApiOperation({ summary: 'Keys in order of their ids, all or a project’s, a page from the one after `after`' })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const { project, ...page } = query;
    return listOf(await this.keys.list(projectFilter(project)), page);
  }

  @Post()
  @ApiOperation({ summary: 'A new key; `secret` is in this answer and in no other' })
  @ApiBody({ type: NewKeyDto })
  async create(
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const shown = await this.keys.create(validateDto(NewKeyDto, body), by);
    response.setHeader('location', `/admin/v1/keys/${shown.view.id}`);
    return show(response, shown);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One key' })
  async read(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<object> {
    return show(response, await this.keys.read(id));
  }

  @Put(':id')
  @ApiOperation({ summary: 'Make a key (with `secret` in the answer), or put this in its place and leave its secrets' })
  @ApiBody({ type: KeyDefinitionDto })
  async put(
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers() headers: Record<string, string | undefined>,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const shown = await this.keys.put(requireId(id), validateDto(KeyDefinitionDto, body), {
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
      by,
    });
    response.status(shown.created ? 201 : 200);
    return show(response, shown);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change some fields; null takes the default' })
  @ApiBody({ type: KeyFieldsDto })
  async patch(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return show(response, await this.keys.patch(id, validateDto(KeyFieldsDto, body), { ifMatch, by }));
  }

  @Post(':id/rotate')
  @HttpCode(200)
  @ApiOperation({ summary: 'A new `secret`; the one before it works on for overlap_seconds (a day when absent)' })
  @ApiBody({ type: RotationDto, required: false })
  async rotate(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const overlapMs = overlapMsOf(validateDto(RotationDto, body ?? {}));
    return show(response, await this.keys.rotate(id, overlapMs, { ifMatch, by }));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a key; its jobs go on' })
  async delete(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @By() by: DoneBy,
  ): Promise<void> {
    await this.keys.delete(id, { ifMatch, by });
  }
}
