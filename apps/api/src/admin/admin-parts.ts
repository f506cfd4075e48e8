import type { Provider, Type } from '@nestjs/common';
import { AuditLog } from '#audit/audit-log.js';
import { KeptJobs } from '#history/kept-jobs.js';
import { JobStore } from '#jobs/job-store.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import { REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { budgetOwners } from '#registry/budget-owners.js';
import { KeyRing } from '#registry/key-ring.js';
import { JobSubmission } from '../jobs/job-submission.js';
import { AuditController } from './audit/audit.controller.js';
import { AdminJobsController } from './admin-jobs.controller.js';
import { AUDIT_PARTS } from './audit/audit-parts.js';
import { BUDGET_OWNERS, BudgetsController } from './budgets.controller.js';
import { KEY_PARTS } from './keys/key-parts.js';
import { KeysController } from './keys/keys.controller.js';
import { ProjectsController } from './keys/projects.controller.js';
import { JobAdmin } from './job-admin.js';
import { POOL_PARTS } from './pools/pool-parts.js';
import { PoolsController } from './pools/pools.controller.js';
import { ProviderProbeController } from './registry/provider-probe.controller.js';
import { REGISTRY_PARTS } from './registry/registry-parts.js';
import { RegistryController } from './registry/registry.controller.js';
import { SessionController } from './session/session.controller.js';
import { SESSION_PARTS } from './session/session-parts.js';
import { UsageController } from './usage.controller.js';
import { VAULT_PARTS } from './vault/vault-parts.js';
import { VaultController } from './vault/vault.controller.js';
import { VaultSecretsController } from './vault/vault-secrets.controller.js';

/** In the order in which Express tries them. */
export const ADMIN_CONTROLLERS: Type[] = [
  SessionController,
  UsageController,
  AuditController,
  AdminJobsController,
  PoolsController,
  BudgetsController,
  KeysController,
  ProjectsController,
  VaultSecretsController,
  VaultController,
  ProviderProbeController,
  RegistryController,
];

/** What an administrator looks at and changes. */
export const ADMIN_PARTS: Provider[] = [
  ...AUDIT_PARTS,
  ...SESSION_PARTS,
  ...POOL_PARTS,
  ...KEY_PARTS,
  ...REGISTRY_PARTS,
  ...VAULT_PARTS,
  {
    provide: JobAdmin,
    inject: [KeptJobs, JobStore, JobSubmission, KeyRing, AuditLog],
    useFactory: (...[jobs, store, submission, ring, audit]: [KeptJobs, JobStore, JobSubmission, KeyRing, AuditLog]) =>
      new JobAdmin({ ...{ jobs, store, submission, audit }, ownerOf: (project, key) => ring.ownerOf(project, key) }),
  },
  { provide: BudgetLevels, inject: [REDIS], useFactory: (redis: RedisClient) => new BudgetLevels(redis) },
  { provide: BUDGET_OWNERS, inject: [KeyRing], useFactory: (ring: KeyRing) => () => budgetOwners(ring.rules) },
];
