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
import { validateDto } from '../../jobs/validate-dto.js';
import { By } from '../audit/done-by.js';
import { show } from './answer.js';
import { ProjectAdmin } from './project-admin.js';
import { NewProjectDto, ProjectFieldsDto } from './project.dto.js';
import { requireId } from './require-id.js';

/** Projects: whose jobs, keys and webhooks belong together. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/projects')
@UseGuards(AdminGuard)
export class ProjectsController {
  constructor(private readonly projects: ProjectAdmin) {}

  @Get()
  @ApiOperation({ summary: 'Projects in order of their ids, a page from the one after `after`' })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    return listOf(await this.projects.list(), query);
  }

  @Post()
  @ApiOperation({ summary: 'A new project' })
  @ApiBody({ type: NewProjectDto })
  async create(
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const shown = await this.projects.create(validateDto(NewProjectDto, body), by);
    response.setHeader('location', `/admin/v1/projects/${shown.view.id}`);
    return show(response, shown);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One project' })
  async read(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<object> {
    return show(response, await this.projects.read(id));
  }

  @Put(':id')
  @ApiOperation({ summary: 'Make a project, or put this in its place; If-Match and If-None-Match: * are honoured' })
  @ApiBody({ type: ProjectFieldsDto })
  async put(
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers() headers: Record<string, string | undefined>,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const shown = await this.projects.put(requireId(id), validateDto(ProjectFieldsDto, body), {
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
      by,
    });
    response.status(shown.created ? 201 : 200);
    return show(response, shown);
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Change some fields; null takes the default' })
  @ApiBody({ type: ProjectFieldsDto })
  async patch(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @Body() body: unknown,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    return show(response, await this.projects.patch(id, validateDto(ProjectFieldsDto, body), { ifMatch, by }));
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a project without keys' })
  async delete(
    @Param('id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
    @By() by: DoneBy,
  ): Promise<void> {
    await this.projects.delete(id, { ifMatch, by });
  }
}
