import type { AttemptRecord, ErrorClass, PublicError } from '#contracts/attempt.js';
import type { JobState, TerminalState } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import { keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { CallPlan } from './call-plan.js';
import type { Graph } from './graph-record.js';
import { parseGraph, type GraphReply } from './graph-reply.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';
import { ledgerAttempt } from './ledger-attempt.js';

/** How long after an attempt may start the reconciler looks whether its queue has it. */
export const LOOK_AFTER_MS = 30_000;

/** A call whose runs crash this often is given up as `worker_crash`. */
export const MAX_CRASHES = 5;

/** An attempt and the BullMQ lock token that fences this run of it. */
export interface Run extends AttemptPayload {
  run: string;
}

export interface BegunRun {
  kind: 'run';
  request: JsonObject;
  plan: CallPlan;
  /** The candidate whose turn it is. */
  index: number;
  /** Billable attempts so far, and how many of them in a row on this candidate. */
  used: number;
  tries: number;
  /** The class of each candidate's last failure, by its place in the plan; null or absent for one not tried yet. */
  failures: (ErrorClass | null)[];
  waitedMs: number;
  deadline: number;
  /** Somebody reads the events at this moment. */
  read: boolean;
  syncStream: boolean;
  /** The pool of which a ticket was taken before this attempt was told to come back; null when there is none. */
  ticket: string | null;
  /** The one with which this attempt was enqueued in its pool. */
  turn: number;
  /** The step whose call this is; null in a job of one call. */
  step: string | null;
  /** Its job has reserved of budgets what it may cost. */
  budgeted: boolean;
}

export type BeginReply =
  | BegunRun
  | { kind: 'superseded'; attempt: number; pool: string; begun: boolean }
  | { kind: 'finished'; state: JobState }
  | { kind: 'gone' };

export interface NextAttempt {
  index: number;
  used: number;
  tries: number;
  failures: readonly (ErrorClass | null)[];
  /** What the ended attempt leaves on the record; null when it leaves nothing (work given back). */
  record: AttemptRecord | null;
  /** Milliseconds until the next attempt may start. */
  delayMs: number;
  /** The pool that the next attempt already holds a ticket of: it was told to come back at its time. */
  ticket?: string | null;
}

export type AdvanceReply =
  { kind: 'advanced'; attempt: number } | { kind: 'refused' } | { kind: 'finished'; state: JobState };

export interface Outcome {
  state: TerminalState;
  /** JSON text; null unless completed. */
  result: string | null;
  error: PublicError | null;
  record: AttemptRecord;
}

/** The worker's side of the job record. Every write carries the run and is refused when a newer run has taken over. */
export class AttemptStore {
  private readonly scripts: JobScripts;
  /** Numbers the deltas of this process: the same number again is the same delta, sent again. */
  private emitted = 0;

  constructor(redis: RedisClient) {
    this.scripts = loadJobScripts(redis);
  }

  /**
   * Makes this the attempt's newest run, or says why it must not run. With `start` the job is in progress from now on;
   * without it, from `start` on. `turn` is the one with which the attempt was enqueued in this pool.
   */
  async begin(run: Run, { pool, turn, start }: { pool: string; turn: number; start: boolean }): Promise<BeginReply> {
    const args = [...fence(run), MAX_CRASHES, start ? '1' : '0', turn];
    const reply = (await this.scripts.begin([...this.keysOf(run), keys.poolOrder(pool)], args)) as (string | number)[];
    switch (reply[0]) {
      case 'run':
        return { ...parseRun(reply), turn };
      case 'superseded':
        return {
          kind: 'superseded',
          attempt: Number(reply[1]),
          pool: String(reply[2]),
          begun: reply[3] === 1,
        };
      case 'finished':
        return { kind: 'finished', state: reply[1] as JobState };
      default:
        return { kind: 'gone' };
    }
  }

  /** The attempt is about to be sent; `stop` means that cancellation was asked for, and that nothing has started. */
  async start(run: Run, { pool, turn }: { pool: string; turn: number }): Promise<'ok' | 'refused' | 'stop'> {
    return (await this.scripts.start([...this.keysOf(run), keys.poolOrder(pool)], [...fence(run), turn])) as
      'ok' | 'refused' | 'stop';
  }

  /** Appends streamed output (JSON text of an OutputDelta); `stop` means written, but cancellation was asked for. */
  async emit(run: Run, delta: string): Promise<'ok' | 'refused' | 'stop'> {
    const [job, call, events] = this.keysOf(run);
    const number = ++this.emitted;
    return (await this.scripts.emit([job, call, events], [...fence(run), delta, number])) as 'ok' | 'refused' | 'stop';
  }

  /** Ends this attempt and opens the next; the caller then enqueues it. */
  async advance(run: Run, next: NextAttempt): Promise<AdvanceReply> {
    const reply = (await this.scripts.advance(this.keysOf(run), [
      ...fence(run),
      next.index,
      next.used,
      next.tries,
      next.record === null ? '' : JSON.stringify(next.record),
      Date.now() + next.delayMs + LOOK_AFTER_MS,
      JSON.stringify(next.failures),
      ...usageArgs(next.record),
      next.ticket ?? '',
      next.record === null ? '' : JSON.stringify(ledgerAttempt(run.callId, next.record)),
    ])) as [AdvanceReply['kind'], number | string];
    switch (reply[0]) {
      case 'advanced':
        return { kind: 'advanced', attempt: Number(reply[1]) };
      case 'finished':
        return { kind: 'finished', state: reply[1] as JobState };
      case 'refused':
        return { kind: 'refused' };
    }
  }

  /** Commits the outcome of a job of one call; `refused` means that another run or a cancellation was first. */
  async finish(run: Run, outcome: Outcome): Promise<'committed' | 'refused'> {
    return (await this.scripts['finish-job'](this.keysOf(run), outcomeArgs(run, outcome))) as 'committed' | 'refused';
  }

  /** Commits the outcome of a step's call, and answers with the graph as it then stands: null once its job is over. */
  async finishCall(
    run: Run,
    outcome: Outcome,
  ): Promise<{ kind: 'committed'; graph: Graph | null } | { kind: 'refused' }> {
    const args = [...outcomeArgs(run, outcome), prefixes.call];
    const [kind, graph] = (await this.scripts['finish-call'](this.keysOf(run), args)) as [string, GraphReply?];
    if (kind === 'refused') return { kind };
    return { kind: 'committed', graph: graph === undefined ? null : parseGraph(run.jobId, graph) };
  }

  private keysOf(run: Run): [string, string, string, string] {
    return [keys.job(run.jobId), keys.call(run.callId), keys.events(run.jobId), keys.unfinished()];
  }
}

function fence(run: Run): (string | number)[] {
  return [run.jobId, run.attempt, run.run, prefixes.toProcess];
}

function outcomeArgs(run: Run, { state, result, error, record }: Outcome): (string | number)[] {
  return [
    ...fence(run),
    ...[state, result ?? '', error === null ? '' : JSON.stringify(error), JSON.stringify(record)],
    ...[record.model, record.provider],
    ...usageArgs(record),
    (record.dropped ?? []).join(', '),
    JSON.stringify(ledgerAttempt(run.callId, record)),
  ];
}

/** In the order of the record's totals. */
function usageArgs(record: AttemptRecord | null): number[] {
  const usage: Usage = record?.usage ?? NO_USAGE;
  return [
    usage.inputTokens,
    usage.outputTokens,
    usage.cachedInputTokens,
    usage.reasoningTokens,
    record?.costNano ?? 0,
    usage.cacheWriteInputTokens,
  ];
}

function parseRun(reply: (string | number)[]): Omit<BegunRun, 'turn'> {
  return {
    kind: 'run',
    request: JSON.parse(String(reply[1])) as JsonObject,
    plan: JSON.parse(String(reply[2])) as CallPlan,
    index: Number(reply[3]),
    used: Number(reply[4]),
    tries: Number(reply[5]),
    waitedMs: Number(reply[6]),
    deadline: Number(reply[7]),
    read: reply[8] === 1,
    syncStream: reply[9] === 1,
    failures: JSON.parse(String(reply[10])) as (ErrorClass | null)[],
    ticket: textOrNull(reply[11]),
    step: textOrNull(reply[12]),
    budgeted: reply[13] === 1,
  };
}

function textOrNull(value: string | number | undefined): string | null {
  return value === '' || value === undefined ? null : String(value);
}
