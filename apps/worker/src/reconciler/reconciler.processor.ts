import { InjectQueue, Processor, WorkerHost } from '@nestjs/bullmq';
import { Inject } from '@nestjs/common';
import type { GraphStore } from '#jobs/graph-store.js';
import type { JobLists } from '#jobs/job-lists.js';
import { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER } from '#platform/platform.module.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import { RECONCILER, type PeriodicQueue } from '#queues/periodic.js';
import { moveWaiting, type MoveWaitingDeps } from './move-waiting.js';
import { reconcile, type PassReport } from './reconcile.js';

const EVERY_MS = 2_000;

/** `@Inject(PLACES)`: what a pass must know of pools and projects. */
export const PLACES = Symbol('places');
export interface Places extends Omit<MoveWaitingDeps, 'unfinished' | 'queues' | 'cursors' | 'onError'> {
  projects: readonly string[];
  lists: JobLists;
  graphs: GraphStore;
  graphQueue: GraphQueue;
}

/** Runs a reconciler pass every two seconds, on one worker at a time. */
@Processor(RECONCILER, {
  autorun: false,
  ...{ concurrency: 1, lockDuration: 30_000, stalledInterval: 5_000, maxStalledCount: 1_000_000 },
})
export class ReconcilerProcessor extends WorkerHost {
  private readonly cursors = new Map<string, number>();

  constructor(
    @InjectQueue(RECONCILER) private readonly queue: PeriodicQueue,
    private readonly unfinished: UnfinishedJobs,
    private readonly queues: AttemptQueues,
    @Inject(PLACES) private readonly places: Places,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    super();
  }

  /** Begins with the passes. What this process knows of the registry must be there: without it everything seems to wait for what is gone. */
  async start(): Promise<void> {
    const onError = (error: unknown): void => this.logger.error({ err: error }, 'reconciler');
    this.worker.on('error', onError);
    this.worker.on('failed', (_job, error) => onError(error));
    void this.worker.run().catch(onError);
    await this.queue.upsertJobScheduler(
      RECONCILER,
      { every: EVERY_MS },
      { opts: { removeOnComplete: true, removeOnFail: { count: 20 } } },
    );
  }

  /** Resolves once the pass under way has ended. */
  async close(): Promise<void> {
    await this.worker.close();
  }

  override async process(): Promise<PassReport> {
    const { unfinished, queues, logger, cursors } = this;
    const onError = (error: unknown): void => logger.error({ err: error }, 'a waiting attempt could not be looked at');
    const moved = await moveWaiting({ unfinished, queues, cursors, onError, ...this.places });
    if (moved > 0) logger.info({ moved }, 'moved waiting attempts off pools that are paused, disabled or gone');
    for (const pool of this.places.pools()) await unfinished.rebaseTurns(pool);
    for (const project of this.places.projects) await this.places.lists.sweep(project);
    const { graphs, graphQueue } = this.places;
    return reconcile({ unfinished, queues, graphs, graphQueue, logger });
  }
}
