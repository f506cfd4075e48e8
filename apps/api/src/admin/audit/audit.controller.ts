import { Controller, Get, Inject, Query, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { AuditReader } from '#audit/audit-reader.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { AdminGuard } from '../../auth/admin.guard.js';
import { listView } from '../../http/list-view.js';
import { auditView } from './audit-view.js';
import { parseAudit } from './parse-audit.js';

/** What administrators did. Nothing here, or anywhere, changes or removes an entry. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/audit')
@UseGuards(AdminGuard)
export class AuditController {
  constructor(@Inject(AuditReader) private readonly audit: AuditReader | null) {}

  @Get()
  @ApiOperation({
    summary:
      'Entries in the order in which they were made, from the one after `after`. Nothing is ever added before an entry that was read',
  })
  @ApiQuery({ name: 'actor', required: false })
  @ApiQuery({ name: 'action', required: false, description: '`key.rotated`, or all of a kind: `key.*`' })
  @ApiQuery({ name: 'target', required: false })
  @ApiQuery({ name: 'from', required: false, description: 'A day in UTC or an ISO 8601 time, included; so is `to`' })
  @ApiQuery({ name: 'to', required: false })
  @ApiQuery({ name: 'after', required: false, description: 'The id of the last entry that was read' })
  @ApiQuery({ name: 'limit', required: false })
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const request = parseAudit(query);
    if (this.audit === null) {
      throw new TokenhubError(
        'settings_not_kept',
        'The audit is kept in a database: set TOKENHUB_DATABASE_URL. Without one, actions are lines of the log.',
      );
    }
    const { entries, hasMore } = await this.audit.page(request);
    return listView(entries.map(auditView), { ids: entries.map(({ seq }) => seq), hasMore });
  }
}
