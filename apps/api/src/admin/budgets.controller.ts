import { Controller, Get, HttpCode, Inject, Post, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuditLog, type DoneBy } from '#audit/audit-log.js';
import type { BudgetOwner } from '#contracts/budgets.js';
import { UsageReport } from '#history/usage-report.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { By } from './audit/done-by.js';
import { budgetView } from './budget-view.js';
import { noHistory } from './no-history.js';
import { recountBudgets } from './recount-budgets.js';

/** `@Inject(BUDGET_OWNERS)`: a function that tells who has budgets at this moment. */
export const BUDGET_OWNERS = Symbol('budget owners');

/** What everybody may still spend. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('admin/v1/budgets')
@UseGuards(AdminGuard)
export class BudgetsController {
  constructor(
    private readonly levels: BudgetLevels,
    @Inject(BUDGET_OWNERS) private readonly owners: () => readonly BudgetOwner[],
    @Inject(UsageReport) private readonly report: UsageReport | null,
    private readonly audit: AuditLog,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Each budget of a project or key in its window: limit, reserved, spent and when it resets' })
  async list(): Promise<object> {
    const now = Date.now();
    const views = await Promise.all(
      this.owners().map(async (owner) => {
        const levels = await this.levels.read(owner, now);
        return levels.map((level) => budgetView(owner, level, now));
      }),
    );
    return { object: 'list', data: views.flat() };
  }

  @Post('recount')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Bring what is spent up to the recorded usage, after Redis was lost or a budget was set late',
  })
  async recount(@By() by: DoneBy): Promise<object> {
    const { levels, report } = this;
    if (report === null) throw noHistory();
    const entry = { ...by, action: 'budget.recounted', target: 'all', before: null, after: null };
    await this.audit.around(entry, () => recountBudgets(this.owners(), { levels, report }, Date.now()));
    return this.list();
  }
}
