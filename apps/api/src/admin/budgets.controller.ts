import { Body, Controller, Get, HttpCode, Inject, Post, Put, Query, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AuditLog, type DoneBy } from '#audit/audit-log.js';
import { budgetPeriod, type BudgetOwner } from '#contracts/budgets.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { UsageReport } from '#history/usage-report.js';
import { BudgetLevels, type OwnedRule } from '#jobs/budget-levels.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { listView } from '../http/list-view.js';
import { validateDto } from '../jobs/validate-dto.js';
import { By } from './audit/done-by.js';
import { budgetId, budgetView, type BudgetView } from './budget-view.js';
import { projectFilter } from './keys/answer.js';
import { noHistory } from './no-history.js';
import { pageOf, parseList } from '../http/parse-list.js';
import { recountBudgets } from './recount-budgets.js';
import { SpentDto } from './spent.dto.js';

/** `@Inject(BUDGET_OWNERS)`: a function that tells who has budgets at this moment. */
export const BUDGET_OWNERS = Symbol('budget owners');

interface Listed extends OwnedRule {
  id: string;
  project: string;
}

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
  async list(@Query() query: Record<string, unknown>): Promise<object> {
    const { project, ...page } = query;
    return this.page(projectFilter(project), page);
  }

  @Put()
  @ApiOperation({ summary: 'Set what is spent of a budget in its window of this moment, where the figure is unsound' })
  @ApiBody({ type: SpentDto })
  async setSpent(@Body() body: unknown, @By() by: DoneBy): Promise<object> {
    const { project, key = null, period, spent_nano: spentNano } = validateDto(SpentDto, body);
    const now = Date.now();
    const listed = this.rules(project).find(
      (each) => each.key === key && budgetPeriod(each.rule.window, now).name === period,
    );
    if (!listed) {
      const whose = key === null ? 'The project' : `The key ${JSON.stringify(key.slice(0, 64))}`;
      throw new TokenhubError(
        'budget_not_found',
        `${whose} has no budget there for ${period}, which must not be over.`,
      );
    }
    const [before = null] = await this.views([listed], now);
    const entry = { ...by, action: 'budget.corrected', target: listed.id, before, after: { spent_nano: spentNano } };
    await this.audit.around(entry, () => this.levels.setSpent(project, { ...listed, spentNano }, now));
    const [view] = await this.views([listed], now);
    return view ?? {};
  }

  @Post('recount')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Bring what is spent up to the recorded usage, after Redis was lost or a budget was set late',
  })
  async recount(@Query() query: Record<string, unknown>, @By() by: DoneBy): Promise<object> {
    parseList(query);
    const { levels, report } = this;
    if (report === null) throw noHistory();
    const entry = { ...by, action: 'budget.recounted', target: 'all', before: null, after: null };
    await this.audit.around(entry, () => recountBudgets(this.owners(), { levels, report }, Date.now()));
    return this.page(null, query);
  }

  private async page(project: string | null, query: Record<string, unknown>): Promise<object> {
    const { page, hasMore } = pageOf(this.rules(project), parseList(query));
    return listView(await this.views(page, Date.now()), { ids: page.map(({ id }) => id), hasMore });
  }

  private rules(project: string | null): Listed[] {
    return this.owners()
      .filter((owner) => project === null || owner.project === project)
      .flatMap(({ project: id, key, rules }) =>
        rules.map((rule) => ({ id: budgetId(id, key, rule), project: id, key, rule })),
      );
  }

  /** In the same order; those of a project are read at once. */
  private async views(listed: readonly Listed[], nowMs: number): Promise<BudgetView[]> {
    const views = new Map<string, BudgetView>();
    for (const [project, own] of Map.groupBy(listed, (each) => each.project)) {
      const levels = await this.levels.readRules(project, own, nowMs);
      for (const [i, { id, key }] of own.entries()) {
        const level = levels[i];
        if (level) views.set(id, budgetView({ project, key }, level, nowMs));
      }
    }
    return listed.flatMap(({ id }) => views.get(id) ?? []);
  }
}
