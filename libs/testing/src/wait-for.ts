import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** Milliseconds throughout. `describe` completes the sentence "waited for …". */
export interface WaitForOptions {
  timeoutMs?: number;
  pauseMs?: number;
  describe?: string;
}

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/**
 * Calls the probe until it gives something truthy, and gives that. A probe that throws counts as "not yet".
 * Throws after `timeoutMs` (30 s), saying what was awaited and what the probe last gave or threw.
 */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 30_000, pauseMs = 20, describe = 'a state' }: WaitForOptions = {},
): Promise<Truthy<T>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    let seen: string;
    try {
      const value = await within(probe(), Math.max(end - performance.now(), 1));
      if (value) return value as Truthy<T>;
      seen = inspect(value, { breakLength: Infinity });
    } catch (error) {
      seen = String(error);
    }
    if (performance.now() >= end) throw new Error(`waited ${timeoutMs} ms for ${describe}; last seen: ${seen}`);
    await sleep(pauseMs);
  }
}

/** A probe that hangs (a paused Redis) must not outlive the deadline. */
async function within<T>(value: T | Promise<T>, ms: number): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([value, sleep(ms, undefined, { signal: over.signal }).then(() => neverAnswered())]);
  } finally {
    over.abort();
  }
}

function neverAnswered(): never {
  throw new Error('the probe did not answer');
}
