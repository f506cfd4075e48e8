import type { GraphStore } from '#jobs/graph-store.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { RoutePlanner } from '#planner/route-planner.js';
import { StepPlanner } from '#planner/step-planner.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { startStepWorker, type StepWorker } from '#queues/step-worker.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { AnswerReader } from '#structured-output/read-answer.js';
import { SchemaValidator } from '#structured-output/schema-validator.js';
import { EndGraph } from './end-graph.js';
import { OpenStep } from './open-step.js';
import { RunStep } from './run-step.js';
import { SettleStep } from './settle-step.js';

/** Steps at once in this process: each is a few round trips to Redis, and waits for no provider. */
const CONCURRENCY = 50;

export interface StepRoleDeps {
  redis: RedisClient;
  graphs: GraphStore;
  unfinished: UnfinishedJobs;
  queues: AttemptQueues;
  planner: RoutePlanner;
  registry: LiveRegistry;
  logger: Logger;
}

/** Everything that a worker does for graphs: it takes their steps from the queue. */
export class StepRole {
  private readonly validator = new SchemaValidator();
  private readonly runStep: RunStep;
  private worker: StepWorker | null = null;

  constructor(private readonly deps: StepRoleDeps) {
    const { graphs } = deps;
    const planner = new StepPlanner(deps.planner, deps.registry);
    const open = new OpenStep({ graphs, planner, queues: deps.queues });
    const settle = new SettleStep({ ...deps, open, reader: new AnswerReader(this.validator) });
    this.runStep = new RunStep({ ...deps, open, settle, end: new EndGraph(graphs) });
  }

  /** Starts taking steps. */
  start(): void {
    const { redis, logger } = this.deps;
    this.worker = startStepWorker({
      redis,
      concurrency: CONCURRENCY,
      process: (payload, taken) => this.runStep.run(payload, taken),
      giveUp: (payload, taken) => this.runStep.giveUp(payload, taken),
      onError: (error) => logger.warn({ err: error }, 'steps'),
    });
  }

  /** Takes no more steps; those under way end first. */
  async close(): Promise<void> {
    await this.worker?.close();
    await this.validator.close();
  }
}
