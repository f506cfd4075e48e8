import type { PublicError } from '#contracts/attempt.js';
import { isTerminal } from '#contracts/job-state.js';
import type { StepOutcome, StepPayload, StepResult } from '#contracts/queue-payloads.js';
import type { Graph, GraphStep } from '#jobs/graph-record.js';
import type { GraphStore } from '#jobs/graph-store.js';
import { progressOf, type Progress } from '#orchestration/progress-of.js';
import type { Logger } from '#platform/logging.js';
import type { TakenStep } from '#queues/step-worker.js';
import type { EndGraph } from './end-graph.js';
import type { Driver, OpenStep } from './open-step.js';
import { repairCalls, type RepairDeps } from './repair-calls.js';
import type { SettleStep } from './settle-step.js';

/** How long a graph whose steps nobody will wake waits before it is looked at again. */
const LOOK_AGAIN_MS = 5_000;

/** Deaths of workers after which the step that they ran is taken for their cause. */
const MOST_STALLS = 5;

export interface RunStepDeps extends RepairDeps {
  graphs: GraphStore;
  open: OpenStep;
  settle: SettleStep;
  end: EndGraph;
  logger: Logger;
}

/**
 * The path of one step through a worker. A step is a wake-up: whoever is woken reads the graph, settles the calls that have ended,
 * opens what is ready, and ends the job when nothing is left. Every one of these is committed once, so that it does not matter
 * how many steps of a graph are awake, nor where one of them was killed.
 */
export class RunStep {
  constructor(private readonly deps: RunStepDeps) {}

  async run(payload: StepPayload, taken: TakenStep): Promise<StepResult> {
    return { ...payload, outcome: await this.drive(payload, taken) };
  }

  /** Ends the job of a step that did nothing but throw, whatever can still be read of its graph. */
  async giveUp(payload: StepPayload, taken: TakenStep): Promise<StepResult> {
    await this.deps.end.abandon(payload.jobId);
    await taken.waitForChildren();
    return { ...payload, outcome: 'failed' };
  }

  private async drive({ jobId, step }: StepPayload, taken: TakenStep): Promise<StepOutcome> {
    // A step that was interrupted may be the parent of attempts that it knows nothing of.
    const by: Driver = { step, id: taken.id, hasChildren: taken.faults + taken.stalls > 0 };
    let seen = '';
    for (;;) {
      const graph = await this.deps.graphs.read(jobId);
      if (graph === null) {
        await taken.waitForChildren();
        return 'gone';
      }
      if (isTerminal(graph.state)) return this.leave(graph, by, taken);
      if (taken.stalls >= MOST_STALLS) await this.deps.end.fail(graph, crashed(taken.stalls));
      else if (await this.advance(graph, by)) {
        if (isTerminal(graph.state)) return this.leave(graph, by, taken);
        const isOver = hasEnded(graph, step);
        if (by.hasChildren || !isOver) await taken.waitForChildren();
        if (isOver) return graph.state;
        // A fast attempt may have ended between the look and the wait.
        const before = seen;
        seen = progressMark(graph);
        if (seen !== before) continue;
        // Nobody will wake this step: an attempt was lost, or waits for another step that was lost.
        if ((await repairCalls(graph, taken.id, this.deps)) === 0) await taken.waitFor(LOOK_AGAIN_MS);
        by.hasChildren = true;
      }
    }
  }

  /** Does what can be done now; true when the rest has to be waited for, false when the graph must be read again. */
  private async advance(graph: Graph, by: Driver): Promise<boolean> {
    for (const step of graph.steps) {
      if (step.state === 'in_progress' && !(await this.deps.settle.settle(graph, step, by))) return false;
    }
    const progress = progressOf(graph.plan.nodes, new Map(graph.steps.map((step) => [step.id, step])));
    return this.follow(graph, progress, by);
  }

  private async follow(graph: Graph, progress: Progress, by: Driver): Promise<boolean> {
    switch (progress.kind) {
      case 'running':
        return true;
      case 'open':
        for (const id of progress.steps) {
          const step = graph.steps.find((one) => one.id === id);
          if (step && !(await this.deps.open.open(graph, step, by))) return false;
        }
        return true;
      case 'done':
        return this.deps.end.complete(graph, progress);
      case 'failed':
        return this.deps.end.fail(graph, progress.error, progress.skipped);
    }
  }

  /** The job has ended; an attempt of its own that still waits in a pool must end first, because BullMQ completes no parent before. */
  private async leave(graph: Graph, by: Driver, taken: TakenStep): Promise<StepOutcome> {
    if (by.hasChildren || !hasEnded(graph, by.step)) await taken.waitForChildren();
    return graph.state;
  }
}

function hasEnded(graph: Graph, id: string): boolean {
  const step: GraphStep | undefined = graph.steps.find((one) => one.id === id);
  return step === undefined || (step.state !== 'pending' && step.state !== 'in_progress');
}

/** Another one when a step has ended or asked again. */
function progressMark({ steps }: Graph): string {
  return steps.map(({ state, calls }) => `${state} ${calls}`).join();
}

function crashed(times: number): PublicError {
  const message = `The job was abandoned after ${times} crashed runs of one of its steps.`;
  return { code: 'worker_crash', message, class: null, providerStatus: null };
}
