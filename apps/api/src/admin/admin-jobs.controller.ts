import { Controller, Delete, Get, HttpCode, Param, Post, Query, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { JobRecord } from '#jobs/job-record.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { JobAccess } from '../jobs/job-access.js';
import { pageView } from '../jobs/page-view.js';
import { parsePage } from '../jobs/parse-page.js';
import { By } from './audit/done-by.js';
import { JobAdmin } from './job-admin.js';

/** Everybody's jobs: read, cancelled, tried again, erased. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/jobs')
@UseGuards(AdminGuard)
export class AdminJobsController {
  constructor(
    private readonly jobs: KeptJobs,
    private readonly access: JobAccess,
    private readonly admin: JobAdmin,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Jobs of all projects, newest first; filtered as in GET /v1/jobs, and by project' })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const { project, ...rest } = query;
    if (project !== undefined && typeof project !== 'string') {
      throw new TokenhubError('invalid_value', 'project can be given once.', { param: 'project' });
    }
    return pageView(await this.jobs.list(project ?? null, parsePage(rest)), (record) => this.view(record));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One job of any project' })
  async read(@Param('id') id: string): Promise<object> {
    return this.view(await this.admin.read(id));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a job of any project, as its owner would' })
  async cancel(@Param('id') id: string, @By() by: DoneBy): Promise<object> {
    return this.view(await this.admin.cancel(id, by));
  }

  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({ summary: 'A new job of the same project and key that goes on where this one failed or expired' })
  async retry(
    @Param('id') id: string,
    @By() by: DoneBy,
    @Res({ passthrough: true }) response: Response,
  ): Promise<object> {
    const record = await this.admin.retry(id, by);
    response.setHeader('location', `/admin/v1/jobs/${record.id}`);
    return this.view(record);
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({ summary: 'Erase a finished job of any project' })
  async delete(@Param('id') id: string, @By() by: DoneBy): Promise<void> {
    await this.admin.erase(id, by);
  }

  /** As its owner sees it, and whose it is. */
  private async view(record: JobRecord): Promise<object> {
    return { ...(await this.access.view(record)), project: record.project, key: record.key };
  }
}
