import type { Graph } from '#jobs/graph-record.js';
import type { GraphStore } from '#jobs/graph-store.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { RoutePlanner } from '#planner/route-planner.js';
import { StepPlanner } from '#planner/step-planner.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { startGraphWorker, type GraphWorker } from '#queues/graph-worker.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { AnswerReader } from '#structured-output/read-answer.js';
import { SchemaValidator } from '#structured-output/schema-validator.js';
import { DriveGraph } from './drive-graph.js';
import { EndGraph } from './end-graph.js';
import { OpenStep } from './open-step.js';
import { SettleStep } from './settle-step.js';

/** Graphs at once in this process: each is a few round trips to Redis, and waits for no provider. */
const CONCURRENCY = 50;

export interface GraphRoleDeps {
  redis: RedisClient;
  graphs: GraphStore;
  unfinished: UnfinishedJobs;
  queues: AttemptQueues;
  planner: RoutePlanner;
  registry: LiveRegistry;
  logger: Logger;
}

/** Everything that a worker does for graphs: it takes them from the queue, and goes on with them where their calls end. */
export class GraphRole {
  private readonly validator = new SchemaValidator();
  private readonly driveGraph: DriveGraph;
  private worker: GraphWorker | null = null;

  constructor(private readonly deps: GraphRoleDeps) {
    const { graphs } = deps;
    const planner = new StepPlanner(deps.planner, deps.registry);
    const open = new OpenStep({ graphs, planner, queues: deps.queues });
    const settle = new SettleStep({ registry: deps.registry, reader: new AnswerReader(this.validator) });
    this.driveGraph = new DriveGraph({ ...deps, open, settle, end: new EndGraph(graphs) });
  }

  /** Starts taking graphs. */
  start(): void {
    const { redis, logger } = this.deps;
    this.worker = startGraphWorker({
      redis,
      concurrency: CONCURRENCY,
      process: (payload, taken) => this.driveGraph.run(payload, taken),
      giveUp: (payload, taken) => this.driveGraph.giveUp(payload, taken),
      onError: (error) => logger.warn({ err: error }, 'graphs'),
    });
  }

  /** Goes on with a graph one of whose calls has ended in this process; never throws. */
  goOn(graph: Graph): Promise<void> {
    return this.driveGraph.goOn(graph);
  }

  /** Takes no more graphs; those under way end first. To be called when no attempt runs any more. */
  async close(): Promise<void> {
    await this.worker?.close();
    await this.validator.close();
  }
}
