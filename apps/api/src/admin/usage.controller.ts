import { Controller, Get, Inject, Query, Res, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { AttemptExport } from '#history/attempt-export.js';
import { UsageReport } from '#history/usage-report.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { noHistory } from './no-history.js';
import { parseExport, parseUsage } from './parse-usage.js';
import { csvLines, jsonLines, usageView } from './usage-view.js';

/** What everybody used. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/usage')
@UseGuards(AdminGuard)
export class UsageController {
  constructor(
    @Inject(UsageReport) private readonly report: UsageReport | null,
    @Inject(AttemptExport) private readonly attempts: AttemptExport | null,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Sums by key, model, provider, day or project; from and to are days in UTC, both included' })
  async usage(@Query() query: Record<string, unknown>): Promise<object> {
    const { groupBy, period } = parseUsage(query, Date.now());
    if (this.report === null) throw noHistory();
    const sums = await this.report.sums(groupBy, period);
    return { object: 'list', group_by: groupBy, ...period, data: sums.map(usageView) };
  }

  @Get('attempts')
  @ApiOperation({
    summary:
      'Every attempt as JSONL or CSV, in the order of recording; x-next-cursor is the `after` of the next page, now while ' +
      'x-has-more is true, else when more has been recorded',
  })
  async export(@Query() query: Record<string, unknown>, @Res() response: Response): Promise<void> {
    const { format, period, after, limit } = parseExport(query);
    if (this.attempts === null) throw noHistory();
    const { attempts, next, hasMore } = await this.attempts.page(period, { after: after ?? 0, limit });
    response.setHeader('x-next-cursor', String(next));
    response.setHeader('x-has-more', String(hasMore));
    const csv = format === 'csv';
    response.setHeader('content-type', csv ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8');
    response.end(csv ? csvLines(attempts, { head: after === null }) : jsonLines(attempts));
  }
}
