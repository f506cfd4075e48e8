import { Controller, Get, Param, Query, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { JobRecord } from '#jobs/job-record.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { JobAccess, jobNotFound } from '../jobs/job-access.js';
import { isJobId } from '../jobs/job-id.js';
import { pageView } from '../jobs/page-view.js';
import { parsePage, refuseNul } from '../jobs/parse-page.js';

/** Everybody's jobs, for reading. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/jobs')
@UseGuards(AdminGuard)
export class AdminJobsController {
  constructor(
    private readonly jobs: KeptJobs,
    private readonly access: JobAccess,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Jobs of all projects, newest first; filtered as in GET /v1/jobs, and by project' })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const { project, ...rest } = query;
    if (project !== undefined && typeof project !== 'string') {
      throw new TokenhubError('invalid_value', 'project can be given once.', { param: 'project' });
    }
    if (project !== undefined) refuseNul('project', project);
    return pageView(await this.jobs.list(project ?? null, parsePage(rest)), (record) => this.view(record));
  }

  @Get(':id')
  @ApiOperation({ summary: 'One job of any project' })
  async read(@Param('id') id: string): Promise<object> {
    const record = isJobId(id) ? await this.jobs.read(id) : null;
    if (record === null) throw jobNotFound(id);
    return this.view(record);
  }

  /** As its owner sees it, and whose it is. */
  private async view(record: JobRecord): Promise<object> {
    return { ...(await this.access.view(record)), project: record.project, key: record.key };
  }
}
