import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { OutcomeReporter } from '#health/outcome-reporter.js';
import { HttpClient } from '#http/http-client.js';
import { AttemptStore } from '#jobs/attempt-store.js';
import { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { processEnvironment } from '#platform/config/environment.js';
import { KEY_PREFIX } from '#platform/keys.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PlatformModule, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import { adapterFor } from '#providers/adapters.js';
import { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { RECONCILER } from '#queues/periodic.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { HealthController } from './health/health.controller.js';
import { Admission } from './pools/admission.js';
import { CallProvider } from './pools/call-provider.js';
import { EndAttempt } from './pools/end-attempt.js';
import { PoolSupervisor } from './pools/pool-supervisor.js';
import { ProviderDirectory } from './pools/provider-directory.js';
import { RunAttempt } from './pools/run-attempt.js';
import { RunningAttempts } from './pools/running-attempts.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';
import { WorkerLifecycle, type WorkerParts } from './worker-lifecycle.js';
import { PLACES, ReconcilerProcessor, type Places } from './reconciler/reconciler.processor.js';

/** How old what a worker knows of the moment may be; what it does itself it knows at once. */
const VIEWS_EVERY_MS = 500;

/** A worker process: the pools, the reconciler and the webhooks. */
@Module({
  imports: [
    PlatformModule.forRole('worker'),
    BullModule.forRootAsync({
      inject: [REDIS],
      useFactory: (redis: RedisClient) => ({ connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true }),
    }),
    BullModule.registerQueue({ name: RECONCILER }),
    WebhooksModule,
  ],
  controllers: [HealthController],
  providers: [
    ReconcilerProcessor,
    RunningAttempts,
    TokenCounter,
    { provide: HttpClient, useFactory: () => new HttpClient() },
    { provide: AttemptStore, inject: [REDIS], useFactory: (redis: RedisClient) => new AttemptStore(redis) },
    { provide: UnfinishedJobs, inject: [REDIS], useFactory: (redis: RedisClient) => new UnfinishedJobs(redis) },
    {
      provide: AttemptQueues,
      inject: [REDIS, LOGGER],
      useFactory: (redis: RedisClient, logger: Logger) =>
        new AttemptQueues(redis, (error) => logger.warn({ err: error }, 'attempt queues')),
    },
    {
      provide: LiveRegistry,
      inject: [REDIS, REDIS_SUBSCRIBER, LOGGER],
      useFactory: (redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
        new LiveRegistry({ redis, subscriber, onError: (error) => logger.warn({ err: error }, 'registry') }),
    },
    {
      provide: ProviderDirectory,
      inject: [LiveRegistry, CONFIG],
      useFactory: (registry: LiveRegistry, config: TokenhubConfig) =>
        new ProviderDirectory(registry, { env: processEnvironment(), configSecrets: config.secrets }),
    },
    {
      provide: VllmEndpoints,
      inject: [HttpClient, LiveRegistry, ProviderDirectory, LOGGER],
      useFactory: (http: HttpClient, registry: LiveRegistry, directory: ProviderDirectory, logger: Logger) =>
        new VllmEndpoints({
          http,
          providers: () => registry.current.snapshot.providers,
          credentialOf: (provider) => directory.credentialOf(provider),
          onChange: (change) => logger.warn(change, 'vllm endpoints'),
        }),
    },
    { provide: HealthStore, inject: [REDIS], useFactory: (redis: RedisClient) => new HealthStore(redis) },
    { provide: PoolPauses, inject: [REDIS], useFactory: (redis: RedisClient) => new PoolPauses(redis) },
    {
      provide: LiveViewsSource,
      inject: [HealthStore, PoolPauses, LiveRegistry, ProviderDirectory, LOGGER],
      useFactory: buildViews,
    },
    {
      provide: PLACES,
      inject: [LiveViewsSource, LiveRegistry],
      useFactory: (views: LiveViewsSource, registry: LiveRegistry): Places => ({
        views,
        pools: () => registry.current.pools().map(({ id }) => id),
        contextTokensOf: (model) => registry.current.model(model)?.contextTokens,
      }),
    },
    {
      provide: OutcomeReporter,
      inject: [HealthStore, PoolPauses, LiveViewsSource, ProviderDirectory, LOGGER],
      useFactory: buildOutcomes,
    },
    {
      provide: Admission,
      inject: [LiveViewsSource, HealthStore, ProviderDirectory],
      useFactory: (views: LiveViewsSource, health: HealthStore, directory: ProviderDirectory) =>
        new Admission({ views, health, directory }),
    },
    {
      provide: CallProvider,
      inject: [AttemptStore, ProviderDirectory, TokenCounter, HttpClient, VllmEndpoints, LOGGER],
      useFactory: buildCallProvider,
    },
    {
      provide: EndAttempt,
      inject: [AttemptStore, AttemptQueues, ProviderDirectory, LiveViewsSource],
      useFactory: buildEndAttempt,
    },
    {
      provide: RunAttempt,
      inject: [
        AttemptStore,
        AttemptQueues,
        RunningAttempts,
        Admission,
        OutcomeReporter,
        CallProvider,
        EndAttempt,
        LOGGER,
      ],
      useFactory: buildRunAttempt,
    },
    {
      provide: PoolSupervisor,
      inject: [REDIS, AttemptQueues, RunAttempt, RunningAttempts, CONFIG, LOGGER],
      useFactory: buildPoolSupervisor,
    },
    {
      provide: Presence,
      inject: [REDIS, PROCESS_ID, ProviderDirectory, PoolSupervisor, LOGGER],
      useFactory: buildPresence,
    },
    {
      provide: WorkerLifecycle,
      inject: [
        LiveRegistry,
        PoolSupervisor,
        RunningAttempts,
        Presence,
        AttemptQueues,
        HttpClient,
        VllmEndpoints,
        LiveViewsSource,
        OutcomeReporter,
        REDIS_SUBSCRIBER,
      ],
      useFactory: buildLifecycle,
    },
  ],
})
export class WorkerModule {}

function buildViews(
  ...[health, pauses, registry, directory, logger]: [HealthStore, PoolPauses, LiveRegistry, ProviderDirectory, Logger]
): LiveViewsSource {
  return new LiveViewsSource({
    health,
    pauses,
    snapshot: () => registry.current.snapshot,
    credentials: () => directory.missingCredentials(),
    everyMs: VIEWS_EVERY_MS,
    onError: (error) => logger.warn({ err: error }, 'live views'),
  });
}

function buildOutcomes(
  ...[health, pauses, views, directory, logger]: [HealthStore, PoolPauses, LiveViewsSource, ProviderDirectory, Logger]
): OutcomeReporter {
  return new OutcomeReporter({
    health,
    pauses,
    views,
    coolDownMsOf: (provider) => directory.coolDownMs(provider),
    onError: (error) => logger.warn({ err: error }, 'outcomes'),
  });
}

function buildCallProvider(
  ...[attempts, directory, tokens, http, endpoints, logger]: [
    AttemptStore,
    ProviderDirectory,
    TokenCounter,
    HttpClient,
    VllmEndpoints,
    Logger,
  ]
): CallProvider {
  return new CallProvider({
    directory,
    adapterFor: (type) => adapterFor(type, http),
    endpoints,
    attempts,
    tokens,
    logger,
  });
}

function buildEndAttempt(
  ...[attempts, queues, directory, views]: [AttemptStore, AttemptQueues, ProviderDirectory, LiveViewsSource]
): EndAttempt {
  return new EndAttempt({ attempts, queues, directory, views, random: Math.random });
}

function buildRunAttempt(
  ...[attempts, queues, running, admission, outcomes, callProvider, endAttempt, logger]: [
    AttemptStore,
    AttemptQueues,
    RunningAttempts,
    Admission,
    OutcomeReporter,
    CallProvider,
    EndAttempt,
    Logger,
  ]
): RunAttempt {
  return new RunAttempt({ attempts, queues, running, admission, outcomes, callProvider, endAttempt, logger });
}

function buildPoolSupervisor(
  ...[redis, queues, runAttempt, running, config, logger]: [
    RedisClient,
    AttemptQueues,
    RunAttempt,
    RunningAttempts,
    TokenhubConfig,
    Logger,
  ]
): PoolSupervisor {
  return new PoolSupervisor({
    redis,
    queues,
    logger,
    process: (payload, taken) => runAttempt.run(payload, taken),
    stopRunning: () => running.stopAll('shutdown'),
    served: config.worker.pools,
    concurrency: config.worker.concurrency,
  });
}

function buildPresence(
  ...[redis, processId, directory, pools, logger]: [RedisClient, string, ProviderDirectory, PoolSupervisor, Logger]
): Presence {
  const startedAt = Date.now();
  return new Presence(
    redis,
    processId,
    () => ({ role: 'worker', startedAt, credentials: directory.readableProviders(), pools: pools.pools }),
    (error) => logger.warn({ err: error }, 'presence'),
  );
}

function buildLifecycle(
  ...[registry, pools, running, presence, queues, http, endpoints, views, outcomes, subscriber]: [
    LiveRegistry,
    PoolSupervisor,
    RunningAttempts,
    Presence,
    AttemptQueues,
    HttpClient,
    VllmEndpoints,
    LiveViewsSource,
    OutcomeReporter,
    RedisClient,
  ]
): WorkerLifecycle {
  const parts: WorkerParts = {
    ...{ registry, pools, running, presence, queues },
    ...{ http, endpoints, views, outcomes, subscriber },
  };
  return new WorkerLifecycle(parts);
}
