import type { Provider } from '@nestjs/common';
import { HttpClient } from '#http/http-client.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { AdminPauses } from '#limits/admin-pauses.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import type { CredentialStores } from '#registry/credentials.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { CREDENTIAL_STORES } from '#vault/vault.module.js';
import { ExactCounts } from '#planner/exact-counts.js';
import { RoutePlanner } from '#planner/route-planner.js';
import { WorkerReports } from './worker-reports.js';

/** How old what routing knows of the moment may be. */
const VIEWS_EVERY_MS = 1_000;

/** What a route is planned from, and its planner. */
export const ROUTING_PARTS: Provider[] = [
  TokenCounter,
  {
    provide: LiveRegistry,
    inject: [REDIS, REDIS_SUBSCRIBER, LOGGER],
    useFactory: (redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
      new LiveRegistry({ redis, subscriber, onError: (error) => logger.debug({ err: error }, 'registry') }),
  },
  { provide: PoolLoads, inject: [REDIS], useFactory: (redis: RedisClient) => new PoolLoads(redis) },
  { provide: AdminPauses, inject: [REDIS], useFactory: (redis: RedisClient) => new AdminPauses(redis) },
  {
    provide: WorkerReports,
    inject: [REDIS, LiveRegistry],
    useFactory: (redis: RedisClient, registry: LiveRegistry) => new WorkerReports(redis, registry),
  },
  {
    provide: LiveViewsSource,
    inject: [REDIS, AdminPauses, LiveRegistry, WorkerReports, PoolLoads, LOGGER],
    useFactory: (
      ...[redis, adminPauses, registry, workers, loads, logger]: [
        RedisClient,
        AdminPauses,
        LiveRegistry,
        WorkerReports,
        PoolLoads,
        Logger,
      ]
    ) =>
      new LiveViewsSource({
        health: new HealthStore(redis),
        pauses: new PoolPauses(redis),
        adminPauses,
        loads,
        snapshot: () => registry.current.snapshot,
        reports: () => workers.read(),
        everyMs: VIEWS_EVERY_MS,
        onError: (error) => logger.debug({ err: error }, 'live views'),
      }),
  },
  {
    provide: ExactCounts,
    inject: [HttpClient, CREDENTIAL_STORES, LOGGER],
    useFactory: (http: HttpClient, stores: CredentialStores, logger: Logger) =>
      new ExactCounts({
        http,
        stores,
        onError: (error) => logger.debug({ err: error }, 'exact counts'),
      }),
  },
  {
    provide: RoutePlanner,
    inject: [LiveRegistry, TokenCounter, LiveViewsSource, ExactCounts],
    useFactory: (registry: LiveRegistry, tokens: TokenCounter, source: LiveViewsSource, exactCounts: ExactCounts) =>
      new RoutePlanner({ registry, tokens, source, exactCounts }),
  },
];
