import type { PublicError } from '#contracts/attempt.js';
import { isTerminal } from '#contracts/job-state.js';
import { graphId, type GraphPayload, type GraphResult } from '#contracts/queue-payloads.js';
import type { Graph, GraphStep } from '#jobs/graph-record.js';
import { progressOf } from '#orchestration/progress-of.js';
import type { TakenGraph } from '#queues/graph-worker.js';
import type { EndGraph } from './end-graph.js';
import type { OpenStep } from './open-step.js';
import { repairCalls, type RepairDeps } from './repair-calls.js';
import type { SettleStep } from './settle-step.js';

/** How long a graph that nobody will wake waits before it is looked at again. */
const LOOK_AGAIN_MS = 5_000;

/** Deaths of workers after which the graph that they drove is taken for their cause. */
const MOST_STALLS = 5;

/** Looks at a graph that others change at the same moment, before it is left to them. */
const MOST_LOOKS = 5;

export interface DriveGraphDeps extends RepairDeps {
  open: OpenStep;
  settle: SettleStep;
  end: EndGraph;
}

/**
 * Drives graphs: reads one, settles the calls that have ended, opens what is ready, and ends the job when nothing is left. Every one of
 * these is committed once, so that it does not matter how many drive the same graph, nor where one of them was killed.
 */
export class DriveGraph {
  constructor(private readonly deps: DriveGraphDeps) {}

  /**
   * Goes on in the worker that has just ended one of the graph's calls, before that call's attempt leaves its queue: so the graph's own
   * BullMQ job sleeps until all is done. Never throws: what was not done here is done when that one wakes.
   */
  async goOn(seen: Graph): Promise<void> {
    const { jobId } = seen;
    let graph: Graph | null = seen;
    try {
      for (let look = 0; look < MOST_LOOKS; look++) {
        if (graph === null || isTerminal(graph.state) || (await this.advance(graph))) return;
        graph = await this.deps.graphs.read(jobId);
      }
    } catch (error) {
      this.deps.logger.warn(
        { err: error, jobId },
        'could not go on with a graph; it goes on when its attempts have ended',
      );
    }
  }

  /** Drives a graph that the queue handed over: one that begins, or one of which every attempt has ended. */
  async run({ jobId }: GraphPayload, taken: TakenGraph): Promise<GraphResult> {
    // One that was interrupted may be the parent of attempts that it knows nothing of.
    let hasChildren = taken.faults + taken.stalls > 0;
    let seen = '';
    const state = hasChildren ? null : await this.deps.graphs.state(jobId);
    // As a rule all has been done when it wakes.
    if (state !== null && isTerminal(state)) return { jobId, outcome: state };
    for (;;) {
      const graph = await this.deps.graphs.read(jobId);
      if (graph === null) {
        await taken.waitForChildren();
        return { jobId, outcome: 'gone' };
      }
      const calls = callsOf(graph);
      if (!(await this.advanceOrGiveUp(graph, taken.stalls))) continue;
      hasChildren ||= callsOf(graph) > calls;
      if (isTerminal(graph.state)) {
        // BullMQ completes no parent before its children.
        if (hasChildren) await taken.waitForChildren();
        return { jobId, outcome: graph.state };
      }
      await taken.waitForChildren();
      hasChildren = true;
      // A fast attempt may have ended between the look and the wait.
      const before = seen;
      seen = progressMark(graph);
      if (seen !== before) continue;
      // Nobody will wake this graph: an attempt was lost, or has another parent.
      const parent = graphId(jobId, graph.build);
      if ((await repairCalls(graph, parent, this.deps)) === 0) await taken.waitFor(LOOK_AGAIN_MS);
    }
  }

  /** Ends the job of a graph whose driving did nothing but throw, whatever can still be read of it. */
  async giveUp({ jobId }: GraphPayload, taken: TakenGraph): Promise<GraphResult> {
    await this.deps.end.abandon(jobId);
    await taken.waitForChildren();
    return { jobId, outcome: 'failed' };
  }

  private async advanceOrGiveUp(graph: Graph, stalls: number): Promise<boolean> {
    if (isTerminal(graph.state)) return true;
    return stalls >= MOST_STALLS ? this.deps.end.fail(graph, crashed(stalls)) : this.advance(graph);
  }

  /** Does what can be done now; true when the rest has to be waited for, false when the graph must be read again. */
  private async advance(graph: Graph): Promise<boolean> {
    // Steps that have ended in `graph`; they are committed with what follows from them.
    const ended: GraphStep[] = [];
    for (const step of graph.steps.filter(({ state }) => state === 'in_progress')) {
      const ask = await this.deps.settle.settle(graph, step);
      if (ask !== null && (await this.deps.open.open(graph, step, { ask })) === 'known') return false;
      if (hasEnded(step)) ended.push(step);
    }
    return this.follow(graph, ended);
  }

  private async follow(graph: Graph, ended: GraphStep[]): Promise<boolean> {
    const progress = progressOf(graph.plan.nodes, new Map(graph.steps.map((step) => [step.id, step])));
    switch (progress.kind) {
      case 'running':
        return ended.length === 0 || this.deps.graphs.finishSteps(graph.jobId, ended);
      case 'open':
        return this.openAll(graph, progress.steps, ended);
      case 'done':
        return this.deps.end.complete(graph, progress, ended);
      case 'failed':
        return this.deps.end.fail(graph, progress.error, { skipped: progress.skipped, after: ended });
    }
  }

  private async openAll(graph: Graph, ids: readonly string[], ended: readonly GraphStep[]): Promise<boolean> {
    let after = ended;
    const failed: GraphStep[] = [];
    for (const step of graph.steps.filter(({ id }) => ids.includes(id))) {
      const opened = await this.deps.open.open(graph, step, { after });
      if (opened === 'known') return false;
      if (opened === 'failed') failed.push(step);
      else after = [];
    }
    return failed.length === 0 || this.follow(graph, [...after, ...failed]);
  }
}

function hasEnded({ state }: GraphStep): boolean {
  return state !== 'pending' && state !== 'in_progress';
}

function callsOf({ steps }: Graph): number {
  return steps.reduce((sum, { calls }) => sum + calls, 0);
}

/** Another one when a step has ended or asked again. */
function progressMark({ steps }: Graph): string {
  return steps.map(({ state, calls }) => `${state} ${calls}`).join();
}

function crashed(times: number): PublicError {
  const message = `The job was abandoned after ${times} crashed runs of its graph.`;
  return { code: 'worker_crash', message, class: null, providerStatus: null };
}
