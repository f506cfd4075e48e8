import { Controller, Get, Inject, UseGuards } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { BudgetOwner } from '#contracts/budgets.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import { AdminGuard } from '../auth/admin.guard.js';
import { budgetView } from './budget-view.js';

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
}
