import type { Provider } from '@nestjs/common';
import { KeptJobs } from '#history/kept-jobs.js';
import { EventReader } from '#jobs/event-reader.js';
import { JobStore } from '#jobs/job-store.js';
import { Notices } from '#jobs/notices.js';
import { EndWaiter } from '#jobs/wait-for-end.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { GraphQueue } from '#queues/graph-queue.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { LiveEndpoints } from '#webhooks/live-endpoints.js';
import { HookTargets } from './hook-targets.js';
import { JobAccess } from './job-access.js';
import { JobSubmission } from './job-submission.js';
import { SynchronousJob } from './synchronous-job.js';
import { RoutePlanner } from '#planner/route-planner.js';
import { StepPlanner } from '#planner/step-planner.js';

/** What takes jobs in, waits for them and reads them. */
export const JOB_PARTS: Provider[] = [
  { provide: JobStore, inject: [REDIS], useFactory: (redis: RedisClient) => new JobStore(redis) },
  {
    provide: HookTargets,
    inject: [CONFIG, LiveEndpoints],
    useFactory: (config: TokenhubConfig, made: LiveEndpoints) => new HookTargets(config, made),
  },
  {
    provide: JobAccess,
    inject: [KeptJobs, PoolLoads, LiveViewsSource],
    useFactory: (jobs: KeptJobs, loads: PoolLoads, views: LiveViewsSource) => new JobAccess(jobs, loads, views),
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
    provide: GraphQueue,
    inject: [REDIS, LOGGER],
    useFactory: (redis: RedisClient, logger: Logger) =>
      new GraphQueue(redis, (error) => logger.warn({ err: error }, 'graph queue')),
  },
  {
    provide: AttemptQueues,
    inject: [REDIS, LOGGER],
    useFactory: (redis: RedisClient, logger: Logger) =>
      new AttemptQueues(redis, (error) => logger.debug({ err: error }, 'attempt queues')),
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
];

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
