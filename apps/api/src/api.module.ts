import type { Server } from 'node:http';
import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import type { MadeKeys } from '#contracts/key-rules.js';
import { DatabaseProbe } from '#history/database-probe.js';
import { HistoryModule } from '#history/history.module.js';
import { KeptJobs } from '#history/kept-jobs.js';
import { HttpClient } from '#http/http-client.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import { EventReader } from '#jobs/event-reader.js';
import { JobStore } from '#jobs/job-store.js';
import { Notices } from '#jobs/notices.js';
import { EndWaiter } from '#jobs/wait-for-end.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { processEnvironment } from '#platform/config/environment.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PlatformModule, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { GraphQueue } from '#queues/graph-queue.js';
import { budgetOwners } from '#registry/budget-owners.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { KeyRing } from '#registry/key-ring.js';
import { LiveKeys } from '#registry/live-keys.js';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { AdminJobsController } from './admin/admin-jobs.controller.js';
import { BUDGET_OWNERS, BudgetsController } from './admin/budgets.controller.js';
import { KEY_PROVIDERS, KEY_PUBLISHER } from './admin/keys/key-providers.js';
import { KeysController } from './admin/keys/keys.controller.js';
import { ProjectsController } from './admin/keys/projects.controller.js';
import { ProviderProbeController } from './admin/registry/provider-probe.controller.js';
import { REGISTRY_PARTS } from './admin/registry/registry-parts.js';
import { RegistryController } from './admin/registry/registry.controller.js';
import { UsageController } from './admin/usage.controller.js';
import { ApiLifecycle } from './api-lifecycle.js';
import { AdminToken } from './auth/admin-token.js';
import { HealthController } from './health/health.controller.js';
import { StoreProbe } from './health/store-probe.js';
import { HookTargets } from './jobs/hook-targets.js';
import { JobAccess } from './jobs/job-access.js';
import { JobSubmission } from './jobs/job-submission.js';
import { JobsController } from './jobs/jobs.controller.js';
import { SynchronousJob } from './jobs/synchronous-job.js';
import { ModelList } from './openai/model-list.js';
import { OpenAiController } from './openai/openai.controller.js';
import { StreamedAnswer } from './openai/streamed-answer.js';
import { SynchronousAnswer } from './openai/synchronous-answer.js';
import { EnvelopeAnswer } from './orchestrations/envelope-answer.js';
import { EnvelopesController } from './orchestrations/envelopes.controller.js';
import { ExactCounts } from '#planner/exact-counts.js';
import { RouteController } from './routing/route.controller.js';
import { RoutePlanner } from '#planner/route-planner.js';
import { StepPlanner } from '#planner/step-planner.js';
import { WorkerReports } from './routing/worker-reports.js';

/** How old what routing knows of the moment may be. */
const VIEWS_EVERY_MS = 1_000;

/** Readings of the history at a time; more wait for one another. */
const HISTORY_CONNECTIONS = 5;

/** An API process. */
@Module({
  imports: [
    PlatformModule.forRole('api'),
    HistoryModule.forRole('api', HISTORY_CONNECTIONS),
    TerminusModule.forRoot({ logger: false }),
  ],
  // Express tries routes in order: the busiest come first.
  controllers: [
    OpenAiController,
    JobsController,
    EnvelopesController,
    RouteController,
    HealthController,
    UsageController,
    AdminJobsController,
    BudgetsController,
    KeysController,
    ProjectsController,
    ProviderProbeController,
    RegistryController,
  ],
  providers: [
    TokenCounter,
    { provide: HttpClient, useFactory: () => new HttpClient() },
    { provide: AdminToken, inject: [CONFIG], useFactory: (config: TokenhubConfig) => new AdminToken(config) },
    ...KEY_PROVIDERS,
    {
      provide: StoreProbe,
      inject: [REDIS, DatabaseProbe],
      useFactory: (redis: RedisClient, database: DatabaseProbe) => new StoreProbe(redis, database),
    },
    { provide: JobStore, inject: [REDIS], useFactory: (redis: RedisClient) => new JobStore(redis) },
    { provide: BudgetLevels, inject: [REDIS], useFactory: (redis: RedisClient) => new BudgetLevels(redis) },
    { provide: BUDGET_OWNERS, inject: [KeyRing], useFactory: (ring: KeyRing) => () => budgetOwners(ring.rules) },
    { provide: HookTargets, inject: [CONFIG], useFactory: (config: TokenhubConfig) => new HookTargets(config) },
    {
      provide: JobAccess,
      inject: [KeptJobs, PoolLoads, LiveViewsSource],
      useFactory: (jobs: KeptJobs, loads: PoolLoads, views: LiveViewsSource) => new JobAccess(jobs, loads, views),
    },
    {
      provide: AttemptQueues,
      inject: [REDIS, LOGGER],
      useFactory: (redis: RedisClient, logger: Logger) =>
        new AttemptQueues(redis, (error) => logger.debug({ err: error }, 'attempt queues')),
    },
    {
      provide: LiveRegistry,
      inject: [REDIS, REDIS_SUBSCRIBER, LOGGER],
      useFactory: (redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
        new LiveRegistry({ redis, subscriber, onError: (error) => logger.debug({ err: error }, 'registry') }),
    },
    ...REGISTRY_PARTS,
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
      provide: Presence,
      inject: [REDIS, PROCESS_ID, LOGGER],
      useFactory: (redis: RedisClient, processId: string, logger: Logger) => {
        const startedAt = Date.now();
        return new Presence(
          redis,
          processId,
          () => ({ role: 'api', startedAt }),
          (error) => logger.debug({ err: error }, 'presence'),
        );
      },
    },
    {
      provide: Notices,
      inject: [REDIS_SUBSCRIBER, PROCESS_ID, LOGGER],
      useFactory: (subscriber: RedisClient, processId: string, logger: Logger) =>
        new Notices(subscriber, processId, (error) => logger.warn({ err: error }, 'notices')),
    },
    {
      provide: EndWaiter,
      inject: [JobStore, Notices, KeptJobs],
      useFactory: (store: JobStore, notices: Notices, jobs: KeptJobs) => new EndWaiter(store, notices, jobs),
    },
    {
      provide: EventReader,
      inject: [REDIS, JobStore, Notices],
      useFactory: (redis: RedisClient, store: JobStore, notices: Notices) => new EventReader(redis, store, notices),
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
      provide: GraphQueue,
      inject: [REDIS, LOGGER],
      useFactory: (redis: RedisClient, logger: Logger) =>
        new GraphQueue(redis, (error) => logger.warn({ err: error }, 'graph queue')),
    },
    {
      provide: RoutePlanner,
      inject: [LiveRegistry, TokenCounter, LiveViewsSource, ExactCounts],
      useFactory: (registry: LiveRegistry, tokens: TokenCounter, source: LiveViewsSource, exactCounts: ExactCounts) =>
        new RoutePlanner({ registry, tokens, source, exactCounts }),
    },
    {
      provide: JobSubmission,
      inject: [
        JobStore,
        KeptJobs,
        AttemptQueues,
        GraphQueue,
        RoutePlanner,
        LiveRegistry,
        HookTargets,
        CONFIG,
        PROCESS_ID,
      ],
      useFactory: buildSubmission,
    },
    { provide: ModelList, inject: [LiveRegistry], useFactory: (registry: LiveRegistry) => new ModelList(registry) },
    {
      provide: StreamedAnswer,
      inject: [JobSubmission, JobStore, KeptJobs, EventReader],
      useFactory: (submission: JobSubmission, store: JobStore, jobs: KeptJobs, events: EventReader) =>
        new StreamedAnswer({ submission, store, jobs, events }),
    },
    {
      provide: SynchronousJob,
      inject: [JobSubmission, JobStore, KeptJobs, EndWaiter, CONFIG],
      useFactory: (
        ...[submission, store, jobs, waiter, { syncTimeoutMs }]: [
          JobSubmission,
          JobStore,
          KeptJobs,
          EndWaiter,
          TokenhubConfig,
        ]
      ) => new SynchronousJob({ submission, store, jobs, waiter, syncTimeoutMs }),
    },
    {
      provide: SynchronousAnswer,
      inject: [SynchronousJob, StreamedAnswer],
      useFactory: (jobs: SynchronousJob, streamed: StreamedAnswer) => new SynchronousAnswer({ jobs, streamed }),
    },
    {
      provide: EnvelopeAnswer,
      inject: [SynchronousJob, KeptJobs],
      useFactory: (jobs: SynchronousJob, store: KeptJobs) => new EnvelopeAnswer({ jobs, store }),
    },
    {
      provide: ApiLifecycle,
      inject: [
        SettingsPublisher,
        KEY_PUBLISHER,
        REDIS,
        LiveRegistry,
        LiveKeys,
        Notices,
        Presence,
        LiveViewsSource,
        AttemptQueues,
        GraphQueue,
        HttpClient,
        HttpAdapterHost,
      ],
      useFactory: buildLifecycle,
    },
  ],
})
export class ApiModule {}

function buildSubmission(
  ...[store, jobs, queues, graphQueue, planner, registry, hooks, { history }, processId]: [
    JobStore,
    KeptJobs,
    AttemptQueues,
    GraphQueue,
    RoutePlanner,
    LiveRegistry,
    HookTargets,
    TokenhubConfig,
    string,
  ]
): JobSubmission {
  const stepPlanner = new StepPlanner(planner, registry);
  const settings = history && { hotMs: history.hotMs, bytes: history.backlogBytes };
  const models = () => registry.current.snapshot.models;
  return new JobSubmission({
    ...{ store, jobs, queues, graphQueue, planner, stepPlanner, models, hooks, processId },
    history: settings,
  });
}

function buildLifecycle(
  ...[publisher, keyPublisher, redis, registry, keys, notices, presence, views, queues, graphQueue, http, adapter]: [
    SettingsPublisher<SnapshotContent>,
    SettingsPublisher<MadeKeys>,
    RedisClient,
    LiveRegistry,
    LiveKeys,
    Notices,
    Presence,
    LiveViewsSource,
    AttemptQueues,
    GraphQueue,
    HttpClient,
    HttpAdapterHost,
  ]
): ApiLifecycle {
  const server = (): Server => adapter.httpAdapter.getHttpServer() as Server;
  return new ApiLifecycle({
    ...{ publishers: [publisher, keyPublisher], redis, registry, keys, notices, presence, views, queues, graphQueue },
    ...{ http, server },
  });
}
