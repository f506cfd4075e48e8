import type { Place } from '#contracts/live-views.js';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { reroute } from '#routing/reroute.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';

/** A shorter pause is over before moving would pay. */
const WORTH_MOVING_MS = 2_000;

/** Attempts looked at in one pass and pool, and how many of them at the same time. */
const PASS_SIZE = 500;
const AT_ONCE = 25;

export interface MoveWaitingDeps {
  unfinished: UnfinishedJobs;
  queues: AttemptQueues;
  views: LiveViewsSource;
  pools: () => readonly string[];
  contextTokensOf: (model: string) => number | undefined;
}

/**
 * Attempts that wait in the queue of a pool which stays paused move to another candidate of their job that is open. Answers
 * how many did.
 */
export async function moveWaiting(deps: MoveWaitingDeps): Promise<number> {
  const soon = Date.now() + WORTH_MOVING_MS;
  const paused = deps.pools().filter((pool) => (deps.views.pauseOf(pool)?.pausedUntil ?? 0) > soon);
  let moved = 0;
  for (const pool of paused) {
    const waiting = await deps.queues.waiting(pool, PASS_SIZE);
    for (let start = 0; start < waiting.length; start += AT_ONCE) {
      const moves = waiting.slice(start, start + AT_ONCE).map((one) => moveOne(one, pool, deps));
      moved += (await Promise.all(moves)).filter(Boolean).length;
    }
  }
  return moved;
}

async function moveOne(
  { payload, turn }: { payload: AttemptPayload; turn: number },
  pool: string,
  deps: MoveWaitingDeps,
): Promise<boolean> {
  const { unfinished, queues, views } = deps;
  const call = await unfinished.waitingCall(payload.callId);
  if (call === null) return false;
  const next = reroute({
    ...call,
    isOpen: (place: Place) => temporaryReasonOf(place, views.views) === null,
    opensAt: (place: Place) => views.opensAt(place),
    contextTokensOf: deps.contextTokensOf,
    now: Date.now(),
  });
  const target = call.candidates[next.index]?.pool;
  if (next.kind === 'wait' || target === undefined) return false;
  const attempt = await unfinished.move(payload, next.index);
  if (attempt === null) return false;
  // As far behind the front there as it was here.
  const [here, there] = await Promise.all([queues.front(pool), queues.front(target)]);
  // The new one first: should this process die in between, the old one finds out that it was superseded.
  await queues.enqueue({ ...payload, attempt }, { pool: target, turn: there + Math.max(turn - here, 0) });
  await queues.drop(pool, payload);
  return true;
}
