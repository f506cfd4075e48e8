import type { Server } from 'node:http';
import { Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import type { MadeKeys } from '#contracts/key-rules.js';
import { DatabaseProbe } from '#history/database-probe.js';
import { HistoryModule } from '#history/history.module.js';
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
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { LiveKeys } from '#registry/live-keys.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { KEY_PUBLISHER } from './admin/keys/key-parts.js';
import { DeclaredBudgets } from './admin/declared-budgets.js';
import { ADMIN_CONTROLLERS, ADMIN_PARTS } from './admin/admin-parts.js';
import { JOB_PARTS } from './jobs/job-parts.js';
import { ROUTING_PARTS } from './routing/routing-parts.js';
import { ApiLifecycle } from './api-lifecycle.js';
import { HealthController } from './health/health.controller.js';
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
    ...ADMIN_CONTROLLERS,
  ],
  providers: [
    ...JOB_PARTS,
    ...ROUTING_PARTS,
    ...ADMIN_PARTS,
    { provide: HttpClient, useFactory: () => new HttpClient() },
    {
      provide: StoreProbe,
      inject: [REDIS, DatabaseProbe],
      useFactory: (redis: RedisClient, database: DatabaseProbe) => new StoreProbe(redis, database),
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
      provide: ApiLifecycle,
      inject: [
        SettingsPublisher,
        KEY_PUBLISHER,
        REDIS,
        LiveRegistry,
        LiveKeys,
        DeclaredBudgets,
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

function buildLifecycle(
  ...[
    publisher,
    keyPublisher,
    redis,
    registry,
    keys,
    budgets,
    notices,
    presence,
    views,
    queues,
    graphQueue,
    http,
    adapter,
  ]: [
    SettingsPublisher<SnapshotContent>,
    SettingsPublisher<MadeKeys>,
    RedisClient,
    LiveRegistry,
    LiveKeys,
    DeclaredBudgets,
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
    ...{
      publishers: [publisher, keyPublisher],
      redis,
      registry,
      keys,
      budgets,
      notices,
      presence,
      views,
      queues,
      graphQueue,
    },
    ...{ http, server },
  });
}
