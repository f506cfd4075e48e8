import type { Provider } from '@nestjs/common';
import { HttpClient } from '#http/http-client.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { processEnvironment } from '#platform/config/environment.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { TokenCounter } from '#tokens/count-tokens.js';
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
      new LiveRegistry({ redis, subscriber, onError: (error) => logger.warn({ err: error }, 'registry') }),
  },
  { provide: PoolLoads, inject: [REDIS], useFactory: (redis: RedisClient) => new PoolLoads(redis) },
  {
    provide: WorkerReports,
    inject: [REDIS, LiveRegistry],
    useFactory: (redis: RedisClient, registry: LiveRegistry) => new WorkerReports(redis, registry),
  },
  {
    provide: LiveViewsSource,
    inject: [REDIS, LiveRegistry, WorkerReports, PoolLoads, LOGGER],
    useFactory: (
      ...[redis, registry, workers, loads, logger]: [RedisClient, LiveRegistry, WorkerReports, PoolLoads, Logger]
    ) =>
      new LiveViewsSource({
        health: new HealthStore(redis),
        pauses: new PoolPauses(redis),
        loads,
        snapshot: () => registry.current.snapshot,
        reports: () => workers.read(),
        everyMs: VIEWS_EVERY_MS,
        onError: (error) => logger.debug({ err: error }, 'live views'),
      }),
  },
  {
    provide: ExactCounts,
    inject: [HttpClient, CONFIG, LOGGER],
    useFactory: (http: HttpClient, config: TokenhubConfig, logger: Logger) =>
      new ExactCounts({
        http,
        stores: { env: processEnvironment(), configSecrets: config.secrets },
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
