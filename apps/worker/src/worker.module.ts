import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { OutcomeReporter } from '#health/outcome-reporter.js';
import { HISTORY_DATABASE, HistoryModule } from '#history/history.module.js';
import { HttpClient } from '#http/http-client.js';
import { AttemptStore } from '#jobs/attempt-store.js';
import { GraphStore } from '#jobs/graph-store.js';
import { JobLists } from '#jobs/job-lists.js';
import { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import { Leases } from '#limits/leases.js';
import { AdminPauses } from '#limits/admin-pauses.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { Tickets } from '#limits/tickets.js';
import { RoutePlanner } from '#planner/route-planner.js';
import { KEY_PREFIX } from '#platform/keys.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PlatformModule, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { GraphQueue } from '#queues/graph-queue.js';
import { KnownPools } from '#queues/known-pools.js';
import { RECONCILER } from '#queues/periodic.js';
import type { CredentialStores } from '#registry/credentials.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { Escrow } from '#vault/escrow.js';
import { LiveVault } from '#vault/live-vault.js';
import { CREDENTIAL_STORES, VaultModule } from '#vault/vault.module.js';
import { HealthController } from './health/health.controller.js';
import { Admission } from './pools/admission.js';
import { GraphRole } from './orchestrations/graph-role.js';
import { CallProvider } from './pools/call-provider.js';
import { EndAttempt } from './pools/end-attempt.js';
import { PausedQueues } from './pools/paused-queues.js';
import { PoolSupervisor } from './pools/pool-supervisor.js';
import { ProviderDirectory } from './pools/provider-directory.js';
import { RunAttempt } from './pools/run-attempt.js';
import { RunningAttempts } from './pools/running-attempts.js';
import { RecorderModule } from './recorder/recorder.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';
import { WorkerLifecycle } from './worker-lifecycle.js';
import { PLACES, ReconcilerProcessor } from './reconciler/reconciler.processor.js';
import {
  buildAdmission,
  buildCallProvider,
  buildEndAttempt,
  buildLifecycle,
  buildPlanner,
  buildOutcomes,
  buildPausedQueues,
  buildPlaces,
  buildPoolSupervisor,
  buildPresence,
  buildRunAttempt,
  buildGraphRole,
  buildViews,
} from './build-parts.js';

/** For the recorder, the retention and webhooks of jobs that Redis has no more. */
const HISTORY_CONNECTIONS = 3;

/** A worker process: the pools, the reconciler, the webhooks and the recorder. */
@Module({
  imports: [
    PlatformModule.forRole('worker'),
    HistoryModule.forRole('worker', HISTORY_CONNECTIONS),
    VaultModule.using(HISTORY_DATABASE),
    BullModule.forRootAsync({
      inject: [REDIS],
      useFactory: (redis: RedisClient) => ({ connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true }),
    }),
    BullModule.registerQueue({ name: RECONCILER }),
    WebhooksModule,
    RecorderModule,
  ],
  controllers: [HealthController],
  providers: [
    ReconcilerProcessor,
    RunningAttempts,
    TokenCounter,
    { provide: HttpClient, useFactory: () => new HttpClient() },
    { provide: AttemptStore, inject: [REDIS], useFactory: (redis: RedisClient) => new AttemptStore(redis) },
    { provide: JobLists, inject: [REDIS], useFactory: (redis: RedisClient) => new JobLists(redis) },
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
      inject: [LiveRegistry, CREDENTIAL_STORES],
      useFactory: (registry: LiveRegistry, stores: CredentialStores) => new ProviderDirectory(registry, stores),
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
    {
      provide: Leases,
      inject: [REDIS, LOGGER],
      useFactory: (redis: RedisClient, logger: Logger) =>
        new Leases(redis, (error) => logger.warn({ err: error }, 'leases')),
    },
    { provide: Tickets, inject: [REDIS], useFactory: (redis: RedisClient) => new Tickets(redis) },
    { provide: PoolLoads, inject: [REDIS], useFactory: (redis: RedisClient) => new PoolLoads(redis) },
    { provide: KnownPools, inject: [REDIS], useFactory: (redis: RedisClient) => new KnownPools(redis) },
    { provide: PoolPauses, inject: [REDIS], useFactory: (redis: RedisClient) => new PoolPauses(redis) },
    { provide: AdminPauses, inject: [REDIS], useFactory: (redis: RedisClient) => new AdminPauses(redis) },
    {
      provide: PausedQueues,
      inject: [REDIS, AdminPauses, AttemptQueues, LiveRegistry, LiveViewsSource, LOGGER],
      useFactory: buildPausedQueues,
    },
    {
      provide: LiveViewsSource,
      inject: [HealthStore, PoolPauses, AdminPauses, PoolLoads, LiveRegistry, ProviderDirectory, VllmEndpoints, LOGGER],
      useFactory: buildViews,
    },
    {
      provide: PLACES,
      inject: [
        LiveViewsSource,
        LiveRegistry,
        ProviderDirectory,
        KnownPools,
        JobLists,
        GraphStore,
        GraphQueue,
        RunAttempt,
        CONFIG,
        LiveVault,
      ],
      useFactory: buildPlaces,
    },
    {
      provide: OutcomeReporter,
      inject: [HealthStore, PoolPauses, LiveViewsSource, ProviderDirectory, LOGGER],
      useFactory: buildOutcomes,
    },
    {
      provide: Admission,
      inject: [LiveViewsSource, HealthStore, Tickets, Leases, ProviderDirectory],
      useFactory: buildAdmission,
    },
    {
      provide: CallProvider,
      inject: [AttemptStore, ProviderDirectory, TokenCounter, HttpClient, VllmEndpoints, LOGGER],
      useFactory: buildCallProvider,
    },
    {
      provide: EndAttempt,
      inject: [AttemptStore, AttemptQueues, ProviderDirectory, LiveViewsSource, GraphRole],
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
      inject: [
        ...[REDIS, AttemptQueues, PoolPauses, PausedQueues, RunAttempt, RunningAttempts, ProviderDirectory],
        ...[CONFIG, LOGGER],
      ],
      useFactory: buildPoolSupervisor,
    },
    { provide: GraphStore, inject: [REDIS], useFactory: (redis: RedisClient) => new GraphStore(redis) },
    {
      provide: GraphQueue,
      inject: [REDIS, LOGGER],
      useFactory: (redis: RedisClient, logger: Logger) =>
        new GraphQueue(redis, (error) => logger.warn({ err: error }, 'graph queue')),
    },
    {
      provide: RoutePlanner,
      inject: [LiveRegistry, TokenCounter, LiveViewsSource, HttpClient, CREDENTIAL_STORES, LOGGER],
      useFactory: buildPlanner,
    },
    {
      provide: GraphRole,
      inject: [REDIS, GraphStore, UnfinishedJobs, AttemptQueues, RoutePlanner, LiveRegistry, LOGGER],
      useFactory: buildGraphRole,
    },
    {
      provide: Presence,
      inject: [REDIS, PROCESS_ID, LiveRegistry, ProviderDirectory, VllmEndpoints, PoolSupervisor, LiveVault, LOGGER],
      useFactory: buildPresence,
    },
    {
      provide: WorkerLifecycle,
      inject: [
        LiveRegistry,
        PoolSupervisor,
        PausedQueues,
        GraphRole,
        GraphQueue,
        RunningAttempts,
        Presence,
        AttemptQueues,
        HttpClient,
        VllmEndpoints,
        LiveViewsSource,
        OutcomeReporter,
        REDIS_SUBSCRIBER,
        LiveVault,
        Escrow,
        ReconcilerProcessor,
      ],
      useFactory: buildLifecycle,
    },
  ],
})
export class WorkerModule {}
