import type { JobState } from '#contracts/job-state.js';
import { channels, keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { LOOK_AFTER_MS } from './attempt-store.js';
import {
  CALL_FIELDS,
  parseCall,
  stepCallId,
  stepEvent,
  type Graph,
  type GraphPlan,
  type GraphStep,
  type Kept,
  type NewCall,
  type StepCall,
} from './graph-record.js';
import { parseGraph, type GraphReply } from './graph-reply.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';
import { turnStep } from './turn.js';

/** `opened`: enqueue its first attempt with this turn. `known`: somebody else opened it. `over_budget`: a budget of its key or project has no room for it. */
export type OpenReply =
  | { kind: 'opened'; callId: string; turn: number }
  | { kind: 'known' }
  | { kind: 'over_budget' }
  | { kind: 'finished'; state: JobState }
  | { kind: 'gone' };

export interface GraphEnd {
  state: 'completed' | 'failed';
  /** JSON text of the result or of the error. */
  body: string;
  model: string;
  provider: string;
  /** The final text as one piece (JSON text of an OutputDelta) for those who read a stream of which nothing was sent; null to send none. */
  delta: string | null;
  skipped: readonly string[];
}

/** What of a graph its end depends on. */
export interface Ending {
  jobId: string;
  plan: Pick<GraphPlan, 'stream'>;
}

/**
 * The workers' side of a job that is a graph of steps. Every write names the step and which of its calls it is about, so that
 * two workers that drive the same graph at once commit each thing once.
 */
export class GraphStore {
  private readonly scripts: JobScripts;

  constructor(private readonly redis: RedisClient) {
    this.scripts = loadJobScripts(redis);
  }

  /** The graph as it stands, or null when the job is gone or has none. */
  async read(jobId: string): Promise<Graph | null> {
    const reply = await this.scripts['read-graph']([keys.job(jobId), keys.steps(jobId)], [prefixes.call]);
    return parseGraph(jobId, reply as GraphReply);
  }

  /** The state of a job, whether or not it is a graph; null when it is gone. */
  async state(jobId: string): Promise<JobState | null> {
    return (await this.redis.hget(keys.job(jobId), 'state')) as JobState | null;
  }

  /** What a step's newest call has come to by now; null when it has none. */
  async call({ callId }: GraphStep): Promise<StepCall | null> {
    return callId === null ? null : parseCall(await this.redis.hmget(keys.call(callId), ...CALL_FIELDS));
  }

  /**
   * Opens a step's next call, and commits with it the ends of the steps `after` which it comes; the caller then enqueues its first
   * attempt.
   */
  async openCall(graph: Graph, step: GraphStep, call: NewCall, after: readonly GraphStep[] = []): Promise<OpenReply> {
    const { jobId, plan } = graph;
    const number = step.calls + 1;
    const callId = stepCallId(jobId, step.id, number);
    const pool = call.plan.candidates[0]?.pool ?? '';
    const { ask, estimatedCostNano } = call;
    const kept: Kept = { ask, estimatedCostNano };
    const reply = (await this.scripts['open-call'](
      [
        ...[keys.job(jobId), keys.steps(jobId), keys.call(callId), keys.events(jobId), keys.unfinished()],
        ...[keys.poolOrder(pool), keys.poolWaiting(pool), keys.poolDelayed(pool), ...callKeys(jobId, after)],
      ],
      [
        ...[jobId, prefixes.toProcess, step.id, number, callId, Date.now() + LOOK_AFTER_MS],
        `${graph.project}/${graph.key}/${graph.priority}`,
        ...[turnStep(graph.priority, plan.share), plan.paidCalls, pool],
        stepEvent(step),
        JSON.stringify(kept),
        call.reserveNano - (number === 1 ? (plan.reserved?.[step.id] ?? 0) : 0),
        ...endsOf(after),
        ...['plan', JSON.stringify(call.plan), 'request', JSON.stringify(call.request), 'parent', call.parent],
        ...(plan.reserved === undefined ? [] : ['reserved', call.reserveNano]),
      ],
    )) as [OpenReply['kind'], string | number];
    switch (reply[0]) {
      case 'opened':
        return { kind: 'opened', callId, turn: Number(reply[1]) };
      case 'finished':
        return { kind: 'finished', state: reply[1] as JobState };
      case 'known':
      case 'over_budget':
      case 'gone':
        return { kind: reply[0] };
    }
  }

  /** Another enqueueing of the graph is to be woken when a call ends. */
  async adopt(callId: string, parent: string): Promise<void> {
    await this.scripts.adopt([keys.call(callId)], [parent]);
  }

  /** Commits the ends of steps from which nothing follows yet; false when somebody else was first or the job has ended. */
  async finishSteps(jobId: string, ended: readonly GraphStep[]): Promise<boolean> {
    const names = [keys.job(jobId), keys.steps(jobId), keys.events(jobId), ...callKeys(jobId, ended)];
    return (await this.scripts['finish-steps'](names, [jobId, prefixes.toProcess, ...endsOf(ended)])) === 'committed';
  }

  /**
   * Ends the job and with it the steps `after` which it ends, and stops what still runs of it; false when somebody else was first
   * with any of them.
   */
  async finish({ jobId, plan }: Ending, end: GraphEnd, after: readonly GraphStep[] = []): Promise<boolean> {
    const reply = await this.scripts['finish-graph'](
      [keys.job(jobId), keys.steps(jobId), keys.events(jobId), keys.unfinished(), ...callKeys(jobId, after)],
      [
        ...[jobId, prefixes.toProcess, end.state, end.body, end.model, end.provider, end.delta ?? ''],
        plan.stream ? '1' : '0',
        ...[channels.stops(), ...endsOf(after), ...end.skipped],
      ],
    );
    return reply === 'committed';
  }

  /** Counts one more enqueueing of the graph; answers how many there were, for ids that BullMQ has never seen. Null: the job is gone. */
  async rebuild(jobId: string): Promise<number | null> {
    return (await this.scripts.rebuild([keys.steps(jobId)], [])) as number | null;
  }
}

function callKeys(jobId: string, ended: readonly GraphStep[]): string[] {
  return ended.map(({ id, callId }) => keys.call(callId ?? stepCallId(jobId, id, 1)));
}

/** Steps that have ended, as the scripts take them. */
function endsOf(ended: readonly GraphStep[]): (string | number)[] {
  return [ended.length, ...ended.flatMap(endOf)];
}

function endOf({ id, name, round, calls, state, output, error }: GraphStep): (string | number)[] {
  const event = {
    ...{ step: id, name, round, state },
    ...(output && { model: output.model, provider: output.provider }),
    ...(error && { error: { code: error.code, message: error.message } }),
  };
  const texts = [output, error].map((value) => (value === null ? '' : JSON.stringify(value)));
  return [id, calls, state, ...texts, JSON.stringify(event)];
}
