import type { Server } from 'node:http';
import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseProbe } from '#history/database-probe.js';
import { HISTORY_DATABASE, HistoryModule } from '#history/history.module.js';
import { KeptJobs } from '#history/kept-jobs.js';
import { HttpClient } from '#http/http-client.js';
import { EventReader } from '#jobs/event-reader.js';
import { JobStore } from '#jobs/job-store.js';
import { Notices } from '#jobs/notices.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER, PlatformModule, PROCESS_ID, REDIS } from '#platform/platform.module.js';
import { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { GraphQueue } from '#queues/graph-queue.js';
import { LiveKeys } from '#registry/live-keys.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { LiveVault, vaultView } from '#vault/live-vault.js';
import { VaultModule } from '#vault/vault.module.js';
import { LiveEndpoints } from '#webhooks/live-endpoints.js';
import { KEY_PUBLISHER } from './admin/keys/key-parts.js';
import { DeclaredBudgets } from './admin/declared-budgets.js';
import { ADMIN_CONTROLLERS, ADMIN_PARTS } from './admin/admin-parts.js';
import { SECRET_PUBLISHER } from './admin/vault/vault-parts.js';
import { JOB_PARTS } from './jobs/job-parts.js';
import { ROUTING_PARTS } from './routing/routing-parts.js';
import { ApiLifecycle, type ApiParts } from './api-lifecycle.js';
import { HealthController, READY_FACTS } from './health/health.controller.js';
import { StoreProbe } from './health/store-probe.js';
import { JobSubmission } from './jobs/job-submission.js';
import { JobsController } from './jobs/jobs.controller.js';
import { SynchronousJob } from './jobs/synchronous-job.js';
import { ModelList } from './openai/model-list.js';
import { OpenAiController } from './openai/openai.controller.js';
import { StreamedAnswer } from './openai/streamed-answer.js';
import { SynchronousAnswer } from './openai/synchronous-answer.js';
import { EnvelopeAnswer } from './orchestrations/envelope-answer.js';
import { EnvelopesController } from './orchestrations/envelopes.controller.js';
import { RouteController } from './routing/route.controller.js';
import { WorkerReports } from './routing/worker-reports.js';
import { ENDPOINT_PUBLISHER } from './webhooks/endpoint-publisher.js';
import { WEBHOOK_CONTROLLERS, WEBHOOK_HTTP, WEBHOOK_PARTS } from './webhooks/webhook-parts.js';

/** Readings of the history at a time; more wait for one another. */
const HISTORY_CONNECTIONS = 5;

/** `@Inject(PUBLISHERS)`: what publishes settings, one for each snapshot. */
const PUBLISHERS = Symbol('publishers');

/** An API process. */
@Module({
  imports: [
    PlatformModule.forRole('api'),
    HistoryModule.forRole('api', HISTORY_CONNECTIONS),
    VaultModule.using(HISTORY_DATABASE),
    TerminusModule.forRoot({ logger: false }),
  ],
  // Express tries routes in order: the busiest come first.
  controllers: [
    OpenAiController,
    JobsController,
    EnvelopesController,
    RouteController,
    HealthController,
    ...WEBHOOK_CONTROLLERS,
    ...ADMIN_CONTROLLERS,
  ],
  providers: [
    ...JOB_PARTS,
    ...ROUTING_PARTS,
    ...ADMIN_PARTS,
    ...WEBHOOK_PARTS,
    { provide: HttpClient, useFactory: () => new HttpClient() },
    {
      provide: StoreProbe,
      inject: [REDIS, DatabaseProbe],
      useFactory: (redis: RedisClient, database: DatabaseProbe) => new StoreProbe(redis, database),
    },
    {
      provide: READY_FACTS,
      inject: [LiveVault, WorkerReports, LiveRegistry],
      useFactory: (vault: LiveVault, workers: WorkerReports, registry: LiveRegistry) => () => ({
        vault: vaultView(vault),
        workers_seen: workers.seen,
        registry_version: registry.current.version,
      }),
    },
    {
      provide: Presence,
      inject: [REDIS, PROCESS_ID, LiveVault, LOGGER],
      useFactory: (redis: RedisClient, processId: string, vault: LiveVault, logger: Logger) => {
        const startedAt = Date.now();
        return new Presence(
          redis,
          processId,
          () => ({ role: 'api', startedAt, vaultEpoch: vault.holds }),
          (error) => logger.debug({ err: error }, 'presence'),
        );
      },
    },
    { provide: ModelList, inject: [LiveRegistry], useFactory: (registry: LiveRegistry) => new ModelList(registry) },
    {
      provide: StreamedAnswer,
      inject: [JobSubmission, JobStore, KeptJobs, EventReader],
      useFactory: (submission: JobSubmission, store: JobStore, jobs: KeptJobs, events: EventReader) =>
        new StreamedAnswer({ submission, store, jobs, events }),
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
      provide: PUBLISHERS,
      inject: [SettingsPublisher, KEY_PUBLISHER, ENDPOINT_PUBLISHER, SECRET_PUBLISHER],
      useFactory: (...publishers: ApiParts['publishers']) => publishers,
    },
    {
      provide: ApiLifecycle,
      inject: [
        PUBLISHERS,
        REDIS,
        LiveRegistry,
        LiveKeys,
        LiveEndpoints,
        DeclaredBudgets,
        Notices,
        Presence,
        LiveViewsSource,
        AttemptQueues,
        GraphQueue,
        HttpClient,
        WEBHOOK_HTTP,
        LiveVault,
        HttpAdapterHost,
      ],
      useFactory: buildLifecycle,
    },
  ],
})
export class ApiModule {}

function buildLifecycle(
  ...[publishers, redis, registry, keys, endpoints, budgets, notices, presence, views, queues, graphQueue, ...rest]: [
    ApiParts['publishers'],
    RedisClient,
    LiveRegistry,
    LiveKeys,
    LiveEndpoints,
    DeclaredBudgets,
    Notices,
    Presence,
    LiveViewsSource,
    AttemptQueues,
    GraphQueue,
    HttpClient,
    HttpClient,
    LiveVault,
    HttpAdapterHost,
  ]
): ApiLifecycle {
  const [http, webhookHttp, vault, adapter] = rest;
  const server = (): Server => adapter.httpAdapter.getHttpServer() as Server;
  return new ApiLifecycle({
    ...{ publishers, redis, registry, keys, endpoints, budgets, notices, presence, views, queues, graphQueue },
    ...{ clients: [http, webhookHttp], vault, server },
  });
}
