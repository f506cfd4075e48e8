import type { Provider, Type } from '@nestjs/common';
import { BudgetLevels } from '#jobs/budget-levels.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { CONFIG, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { budgetOwners } from '#registry/budget-owners.js';
import { KeyRing } from '#registry/key-ring.js';
import { AdminToken } from '../auth/admin-token.js';
import { AdminJobsController } from './admin-jobs.controller.js';
import { BUDGET_OWNERS, BudgetsController } from './budgets.controller.js';
import { DeclaredBudgets } from './declared-budgets.js';
import { KEY_PARTS } from './keys/key-parts.js';
import { KeysController } from './keys/keys.controller.js';
import { ProjectsController } from './keys/projects.controller.js';
import { ProviderProbeController } from './registry/provider-probe.controller.js';
import { REGISTRY_PARTS } from './registry/registry-parts.js';
import { RegistryController } from './registry/registry.controller.js';
import { UsageController } from './usage.controller.js';

/** In the order in which Express tries them. */
export const ADMIN_CONTROLLERS: Type[] = [
  UsageController,
  AdminJobsController,
  BudgetsController,
  KeysController,
  ProjectsController,
  ProviderProbeController,
  RegistryController,
];

/** What an administrator looks at and changes. */
export const ADMIN_PARTS: Provider[] = [
  { provide: AdminToken, inject: [CONFIG], useFactory: (config: TokenhubConfig) => new AdminToken(config) },
  ...KEY_PARTS,
  ...REGISTRY_PARTS,
  { provide: BudgetLevels, inject: [REDIS], useFactory: (redis: RedisClient) => new BudgetLevels(redis) },
  {
    provide: DeclaredBudgets,
    inject: [CONFIG, BudgetLevels],
    useFactory: (config: TokenhubConfig, levels: BudgetLevels) => new DeclaredBudgets(config, levels),
  },
  { provide: BUDGET_OWNERS, inject: [KeyRing], useFactory: (ring: KeyRing) => () => budgetOwners(ring.rules) },
];
