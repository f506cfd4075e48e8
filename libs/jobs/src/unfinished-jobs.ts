import type { ErrorClass } from '#contracts/attempt.js';
import type { JobState } from '#contracts/job-state.js';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import { channels, keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { MAX_CRASHES } from './attempt-store.js';
import type { CallPlan } from './call-plan.js';
import { answerCallId } from './job-record.js';
import { FIRST_LOOK_MS } from './create-job.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';

/** A job is looked at again after a tenth of its age, within these bounds. */
const LONGEST_LOOK_MS = 600_000;

/** How long past its deadline a running job is left to its worker. */
const DEADLINE_GRACE_MS = 10_000;

/** Half of what BullMQ can count, and as many attempts as a script may touch without holding Redis up for long. */
const REBASE_FROM = 2 ** 20;
const MOST_REBASED = 100_000;

export type LookReply =
  | { kind: 'gone' }
  | { kind: 'ended'; state: JobState }
  | { kind: 'waiting'; attempt: number; pool: string }
  | { kind: 'graph' };

/** A call that waits for its turn at a candidate. */
export interface WaitingCall {
  plan: CallPlan;
  index: number;
  failures: (ErrorClass | null)[];
}

/** The reconciler's side of the job record: unfinished jobs, each looked at when its time has come. */
export class UnfinishedJobs {
  private readonly scripts: JobScripts;

  constructor(private readonly redis: RedisClient) {
    this.scripts = loadJobScripts(redis);
  }

  /** Ids of jobs that are due to be looked at, the longest overdue first. */
  async due(limit: number): Promise<string[]> {
    return this.redis.zrangebyscore(keys.unfinished(), '-inf', Date.now(), 'LIMIT', 0, limit);
  }

  /** Expires or cancels what must end, sets the time of the next look, and tells which attempt the queue should have. */
  async look(jobId: string): Promise<LookReply> {
    const reply = (await this.scripts.look(
      [keys.job(jobId), keys.call(answerCallId(jobId)), keys.events(jobId), keys.unfinished()],
      [
        jobId,
        prefixes.toProcess,
        prefixes.presence,
        channels.stops(),
        FIRST_LOOK_MS,
        LONGEST_LOOK_MS,
        DEADLINE_GRACE_MS,
      ],
    )) as [LookReply['kind'], number | string, string];
    switch (reply[0]) {
      case 'waiting':
        return { kind: 'waiting', attempt: Number(reply[1]), pool: reply[2] };
      case 'ended':
        return { kind: 'ended', state: reply[1] as JobState };
      case 'gone':
      case 'graph':
        return { kind: reply[0] };
    }
  }

  /**
   * Opens a new attempt in place of one that the queue has lost, or keeps as failed; null when the job moved on meanwhile
   * or has crashed too often.
   */
  async requeue({ jobId, callId, attempt }: AttemptPayload, how: 'lost' | 'failed'): Promise<number | null> {
    const reply = await this.scripts.requeue(
      [keys.job(jobId), keys.call(callId), keys.events(jobId), keys.unfinished()],
      [jobId, attempt, prefixes.toProcess, MAX_CRASHES, how],
    );
    return reply as number | null;
  }

  /** Where the call of a waiting job may go; null when there is no such call any more. */
  async waitingCall(callId: string): Promise<WaitingCall | null> {
    const [plan, index, failures] = await this.redis.hmget(keys.call(callId), 'plan', 'index', 'failures');
    if (plan == null) return null;
    return {
      plan: JSON.parse(plan) as CallPlan,
      index: Number(index ?? 0),
      failures: JSON.parse(failures ?? '[]') as (ErrorClass | null)[],
    };
  }

  /**
   * Opens a new attempt at another candidate in place of one that waits in a queue; null when that one has begun meanwhile.
   * `plan` takes the place of the call's own, where its candidates have other pools now. The caller enqueues the new one and then
   * removes the old.
   */
  async move(
    { jobId, callId, attempt }: AttemptPayload,
    index: number,
    plan: CallPlan | null = null,
  ): Promise<number | null> {
    const reply = await this.scripts.move(
      [keys.job(jobId), keys.call(callId), keys.events(jobId)],
      [jobId, attempt, prefixes.toProcess, index, plan === null ? '' : JSON.stringify(plan)],
    );
    return reply as number | null;
  }

  /** Takes the time that has passed off the turns of a pool that never runs empty; true when it was due. */
  async rebaseTurns(pool: string): Promise<boolean> {
    const reply = await this.scripts.rebase(
      [keys.poolOrder(pool), keys.poolWaiting(pool), keys.poolDelayed(pool)],
      [REBASE_FROM, MOST_REBASED, keys.poolAttempt(pool)],
    );
    return reply === 1;
  }
}
