import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../apps/simulator/src/fault-shapes.ts';
import type { Dice } from './dice.ts';
import type { Fleet } from './fleet.ts';

/** Something done again and again while work comes in. */
export interface Disturbance {
  /** Milliseconds from one beginning to the next; the first one waits as long. */
  everyMs: number;
  /** How often at most; default: without a bound. */
  times?: number;
  act: (fleet: Fleet, dice: Dice) => void | Promise<void>;
}

export const killWorker: Disturbance['act'] = (fleet) => fleet.killWorker();
export const killApi: Disturbance['act'] = (fleet) => fleet.killApi();
export const rollAll: Disturbance['act'] = (fleet) => fleet.roll();
export const killRedis: Disturbance['act'] = (fleet, dice) => fleet.killRedis(dice.between(0, 1_500));
/** Longer than a lock lives (8 s): when the worker wakes, another has its attempts. */
export const pauseWorker: Disturbance['act'] = (fleet, dice) => fleet.pauseWorker(dice.between(9_000, 14_000));
/** At times longer than a lock lives: two workers then hold one attempt. */
export const pauseRedis: Disturbance['act'] = (fleet, dice) => fleet.pauseRedis(dice.between(500, 12_000));
export const awayRedis: Disturbance['act'] = (fleet, dice) => dice.pick([killRedis, pauseRedis])(fleet, dice);

const WAVE_MS = 2_500;

/** A wave of one fault at the first provider; the other stays sound. */
export const breakProvider: Disturbance['act'] = async (fleet, dice) => {
  const fault = dice.pick(FAULTS)(dice);
  const course = dice.pick(COURSES);
  fleet.note(`the first provider, ${course.name}: ${JSON.stringify(fault)}`);
  for (let passedMs = 0; passedMs < WAVE_MS; passedMs += course.everyMs) {
    await fleet.simulator.arm({ fault, match: { model: 'main' }, ...course.bound(dice) });
    await sleep(course.everyMs);
  }
};

interface Course {
  name: string;
  everyMs: number;
  bound: (dice: Dice) => { times?: number; for_ms?: number };
}

/** A provider that is broken throughout is soon left alone; one that breaks now and then is asked again and again. */
const COURSES: readonly Course[] = [
  { name: 'throughout', everyMs: WAVE_MS, bound: () => ({ for_ms: WAVE_MS }) },
  { name: 'flapping', everyMs: 500, bound: (dice) => ({ for_ms: dice.between(100, 400) }) },
  { name: 'now and then', everyMs: 250, bound: () => ({ times: 1, for_ms: 250 }) },
  { name: 'now and then', everyMs: 250, bound: () => ({ times: 1, for_ms: 250 }) },
];

/** Every kind of fault that the simulator knows; those that strike inside a stream do so before its content and after some. */
const FAULTS: readonly ((dice: Dice) => Fault)[] = [
  // Slow, but sound; and too slow for a stream.
  (dice) => ({ kind: 'missing_done', delay_ms: dice.between(300, 800) }),
  (dice) => ({ kind: 'missing_done', delay_ms: dice.between(1_500, 3_000) }),
  (dice) => ({ kind: 'status', status: dice.pick([500, 502, 503]) }),
  () => ({ kind: 'status', status: 429, retry_after_ms: 400 }),
  () => ({ kind: 'reset' }),
  () => ({ kind: 'hang' }),
  () => ({ kind: 'hang_after_headers' }),
  () => ({ kind: 'html' }),
  () => ({ kind: 'missing_done' }),
  (dice) => ({ kind: 'cut', after_chunks: dice.between(0, 5) }),
  (dice) => ({ kind: 'stall', after_chunks: dice.between(0, 5) }),
  (dice) => ({ kind: 'malformed_chunk', after_chunks: dice.between(0, 5) }),
  (dice) => ({ kind: 'half_json', after_chunks: dice.between(0, 5) }),
  (dice) => ({ kind: 'missing_finish', after_chunks: dice.between(0, 5), done: dice.roll() < 0.5 }),
  (dice) => ({ kind: 'error_event', after_chunks: dice.between(0, 5), done: dice.roll() < 0.5 }),
  (dice) => ({ kind: 'content_filter', after_chunks: dice.between(0, 5) }),
];

/** Does it until the signal aborts; resolves when the last one has ended. */
export async function disturb(
  { everyMs, times = Infinity, act }: Disturbance,
  { fleet, dice, signal }: { fleet: Fleet; dice: Dice; signal: AbortSignal },
): Promise<void> {
  let dueAt = Date.now() + everyMs;
  for (let i = 0; i < times; i++) {
    // Rejects when the signal aborts: the load is over, and nothing more is to be done.
    await sleep(Math.max(dueAt - Date.now(), 0), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await act(fleet, dice);
    dueAt = Math.max(dueAt + everyMs, Date.now());
  }
}
