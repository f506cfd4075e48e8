import type { Place } from '#contracts/live-views.js';
import type { Pool } from '#contracts/registry-snapshot.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import type { CallPlan } from '#jobs/call-plan.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { AttemptQueues, WaitingAttempt } from '#queues/attempt-queues.js';
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
  /** Every pool of the registry. */
  pools: () => readonly string[];
  /** Those of them that no worker serves, and those that have left the registry. */
  unserved: () => Promise<readonly string[]>;
  /** The pool that attempts on this model go to now; undefined for a model that is no longer registered. */
  poolOf: (model: string) => Pick<Pool, 'id' | 'provider'> | undefined;
  contextTokensOf: (model: string) => number | undefined;
  /** Runs an attempt that waits in this pool here and now. */
  run: (payload: AttemptPayload, waiting: { pool: string; turn: number }) => Promise<unknown>;
  /** Where the next pass over a pool begins: attempts that cannot move must not hide those behind them. */
  cursors: Map<string, number>;
  /** Hears, once in a page, of an attempt that could not be looked at; it is tried again in a later pass. */
  onError: (error: unknown) => void;
}

/**
 * Attempts that wait in the queue of a pool which stays paused, is disabled or is gone move to another candidate of their job that is
 * open, or after their model to its new pool. One that has nowhere to go and whose model is gone fails. Answers how many left their queue.
 */
export async function moveWaiting(deps: MoveWaitingDeps): Promise<number> {
  const soon = Date.now() + WORTH_MOVING_MS;
  const unserved = await deps.unserved();
  const paused = deps.pools().filter((pool) => deps.views.pausedUntil(pool) > soon);
  let moved = 0;
  for (const pool of new Set([...unserved, ...paused])) {
    const { queues } = deps;
    moved += await movePage(pool, deps, { name: pool, read: (from) => queues.waiting(pool, PASS_SIZE, from) });
    // Where no worker looks, nobody brings back what waits for its time either.
    if (!unserved.includes(pool)) continue;
    moved += await movePage(pool, deps, {
      name: `${pool} delayed`,
      read: (from) => queues.delayed(pool, PASS_SIZE, from),
    });
  }
  return moved;
}

async function movePage(
  pool: string,
  deps: MoveWaitingDeps,
  { name, read }: { name: string; read: (from: number) => Promise<WaitingAttempt[]> },
): Promise<number> {
  const from = deps.cursors.get(name) ?? 0;
  const waiting = await read(from);
  const faults: unknown[] = [];
  let moved = 0;
  for (let start = 0; start < waiting.length; start += AT_ONCE) {
    const moves = waiting.slice(start, start + AT_ONCE).map((one) => moveOne(one, pool, deps));
    // One record that cannot be read must not hold up all the others.
    const settled = await Promise.allSettled(moves);
    moved += settled.filter((one) => one.status === 'fulfilled' && one.value).length;
    faults.push(...settled.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown));
  }
  if (faults.length > 0) deps.onError(faults[0]);
  if (waiting.length < PASS_SIZE) deps.cursors.delete(name);
  else deps.cursors.set(name, from + waiting.length - moved);
  return moved;
}

async function moveOne(
  { payload, turn, delayMs }: WaitingAttempt,
  pool: string,
  deps: MoveWaitingDeps,
): Promise<boolean> {
  const { unfinished, queues, views } = deps;
  // The worker of its pool fails it, as soon as one takes it.
  if (payload === null) return false;
  const call = await unfinished.waitingCall(payload.callId);
  if (call === null) return false;
  const { candidates } = withPools(call.plan, deps);
  const next = reroute({
    ...call,
    candidates,
    isOpen: (place: Place) => temporaryReasonOf(place, views.views) === null,
    opensAt: (place: Place) => views.opensAt(place),
    contextTokensOf: deps.contextTokensOf,
    now: Date.now(),
  });
  const waitsFor = candidates[call.index];
  if (next.kind === 'wait' && delayMs === 0 && waitsFor && views.views.offers(waitsFor) === 'removed') {
    await deps.run(payload, { pool, turn });
    await queues.drop(pool, payload);
    return true;
  }
  const target = candidates[next.index]?.pool;
  if (next.kind === 'wait' || target === undefined || target === pool) return false;
  const attempt = await unfinished.move(payload, next.index, { ...call.plan, candidates });
  if (attempt === null) return false;
  // As far behind the front there as it was here.
  const [here, there] = await Promise.all([queues.front(pool), queues.front(target)]);
  // The new one first: should this process die in between, the old one finds out that it was superseded.
  await queues.enqueue({ ...payload, attempt }, { pool: target, turn: there + Math.max(turn - here, 0), delayMs });
  await queues.drop(pool, payload);
  return true;
}

/** A model that was given limits of its own, lost them or went to another provider has another pool than when the job was planned. */
function withPools({ candidates }: CallPlan, { poolOf }: MoveWaitingDeps): Pick<CallPlan, 'candidates'> {
  return {
    candidates: candidates.map((place) => {
      const pool = poolOf(place.model);
      return pool ? { ...place, provider: pool.provider, pool: pool.id } : place;
    }),
  };
}
