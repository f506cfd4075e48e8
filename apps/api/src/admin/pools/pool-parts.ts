import type { Provider } from '@nestjs/common';
import { AuditLog } from '#audit/audit-log.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { AdminPauses } from '#limits/admin-pauses.js';
import { LimitUsage } from '#limits/limit-usage.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { PoolAdmin } from './pool-admin.js';

/** What lets an administrator watch, pause and resume pools. */
export const POOL_PARTS: Provider[] = [
  {
    provide: PoolAdmin,
    inject: [REDIS, LiveRegistry, AttemptQueues, AdminPauses, LiveViewsSource, AuditLog],
    useFactory: (
      ...[redis, registry, queues, adminPauses, views, audit]: [
        RedisClient,
        LiveRegistry,
        AttemptQueues,
        AdminPauses,
        LiveViewsSource,
        AuditLog,
      ]
    ) =>
      new PoolAdmin({
        ...{ redis, registry, queues, adminPauses, views, audit },
        pauses: new PoolPauses(redis),
        usage: new LimitUsage(redis),
      }),
  },
];
