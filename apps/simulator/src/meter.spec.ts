import { describe, expect, it } from '@jest/globals';
import { nextState, seedOf } from './deterministic-text.js';
import { SlidingWindow, TokenBucket, type Meter } from './meter.js';

const MINUTE_MS = 60_000;
const KINDS: [string, (limit: number) => Meter][] = [
  ['a bucket', (limit) => new TokenBucket(limit, 1)],
  ['a bucket of a tenth', (limit) => new TokenBucket(limit, 0.1)],
  ['a window', (limit) => new SlidingWindow(limit)],
];

interface Charge {
  atMs: number;
  amount: number;
}

/** Random amounts at random times, each charged if there is no wait; what was let in. */
function letIn(
  meter: Meter,
  { seed, count, gapMs, most }: { seed: string; count: number; gapMs: number; most: number },
) {
  const charges: Charge[] = [];
  let state = seedOf(seed);
  const random = (below: number) => Math.floor(((state = nextState(state)) / 2 ** 32) * below);
  let nowMs = random(1_000_000);
  for (let i = 0; i < count; i++) {
    nowMs += random(gapMs + 1);
    const amount = 1 + random(most);
    if (meter.waitMs(amount, nowMs) === 0) {
      meter.charge(amount, nowMs);
      charges.push({ atMs: nowMs, amount });
    }
  }
  return charges;
}

/** The largest sum of charges in any span of this length, its beginning excluded and its end included. */
function peak(charges: Charge[], spanMs: number): number {
  let first = 0;
  let sum = 0;
  let most = 0;
  for (const { atMs, amount } of charges) {
    sum += amount;
    for (let old = charges[first]; old !== undefined && old.atMs <= atMs - spanMs; old = charges[++first]) {
      sum -= old.amount;
    }
    most = Math.max(most, sum);
  }
  return most;
}

describe.each(['one', 'two', 'three', 'four', 'five'])('whatever comes, seed %s', (seed) => {
  it.each([
    [60, 1, 700],
    [1000, 300, 4000],
    [30_000, 5000, 300],
    [600_000, 1000, 20],
  ])('a window never lets in more than its %i in any 60 s, and is full again and again', (limit, most, gapMs) => {
    const charges = letIn(new SlidingWindow(limit), { seed, count: 5000, gapMs, most });
    expect(peak(charges, MINUTE_MS)).toBeLessThanOrEqual(limit);
    expect(peak(charges, MINUTE_MS)).toBeGreaterThan(limit - most);
  });

  it.each([1, 0.25, 2])('a bucket of %d minutes never lets in more than itself and what flowed in', (burst) => {
    const limit = 6000;
    const charges = letIn(new TokenBucket(limit, burst), { seed, count: 5000, gapMs: 40, most: 50 });
    for (const spanMs of [1, 100, 1000, 10_000, MINUTE_MS]) {
      expect(peak(charges, spanMs)).toBeLessThanOrEqual(limit * burst + (limit * spanMs) / MINUTE_MS);
    }
    const first = charges[0]?.atMs ?? NaN;
    const spent = charges.reduce((sum, { amount }) => sum + amount, 0);
    const allowed = limit * burst + (limit * ((charges.at(-1)?.atMs ?? NaN) - first)) / MINUTE_MS;
    expect(spent).toBeGreaterThan(allowed - 100);
  });

  it.each(KINDS)('%s tells the exact wait, and asking costs nothing', (_, meterOf) => {
    const meter = meterOf(7000);
    const charges = letIn(meter, { seed, count: 400, gapMs: 50, most: 100 });
    const nowMs = (charges.at(-1)?.atMs ?? NaN) + 1;
    const before = [meter.remaining(nowMs), meter.resetMs(nowMs)];
    for (const amount of [1, 99, 350, 700]) {
      const waitMs = meter.waitMs(amount, nowMs);
      expect(waitMs > 0).toBe(amount > meter.remaining(nowMs));
      expect(meter.waitMs(amount, nowMs)).toBe(waitMs);
    }
    expect([meter.remaining(nowMs), meter.resetMs(nowMs)]).toEqual(before);
    const waitMs = meter.waitMs(700, nowMs);
    expect(waitMs).toBeGreaterThan(1);
    expect(meter.waitMs(700, nowMs + waitMs - 1)).toBe(1);
    expect(meter.waitMs(700, nowMs + waitMs)).toBe(0);
  });

  it.each(KINDS)('%s is free again after its reset, and not before', (_, meterOf) => {
    const meter = meterOf(7000);
    const charges = letIn(meter, { seed, count: 400, gapMs: 50, most: 100 });
    const nowMs = charges.at(-1)?.atMs ?? NaN;
    const resetMs = meter.resetMs(nowMs);
    expect(meter.remaining(nowMs + resetMs - 1)).toBeLessThan(meter.capacity);
    expect(meter.remaining(nowMs + resetMs)).toBe(meter.capacity);
    expect(meter.resetMs(nowMs + resetMs)).toBe(0);
  });
});

describe('a bucket', () => {
  it('starts full, is refilled all the time, and never beyond its size', () => {
    const bucket = new TokenBucket(60, 1);
    bucket.charge(60, 500);
    expect([500, 1499, 1500, 2499, 30_500, 60_500, 999_999].map((at) => bucket.remaining(at))).toEqual([
      0, 0, 1, 1, 30, 60, 60,
    ]);
  });

  it.each([
    [60, 0.1, 6],
    [60, 0.001, 1],
    [60, 2, 120],
    [5, 0.5, 2],
  ])('of %i a minute and a burst of %d holds %i', (limit, burst, capacity) => {
    const bucket = new TokenBucket(limit, burst);
    expect([bucket.capacity, bucket.remaining(0), bucket.waitMs(capacity, 0)]).toEqual([capacity, capacity, 0]);
    expect(bucket.waitMs(capacity + 1, 0)).toBe(Infinity);
  });

  // Refusals as OpenAI's users have reported them: limit, used, requested, and the wait that they were told.
  it.each([
    [10_000, 8554, 3082, 9816],
    [30_000, 14_567, 24_754, 18_642],
    [30_000, 18_928, 11_159, 174],
    [30_000, 29_937, 385, 644],
  ])('is the vendor’s own: of %i, with %i used, %i wait %i ms', (limit, used, requested, waitMs) => {
    const bucket = new TokenBucket(limit, 1);
    bucket.charge(used, 0);
    expect(bucket.waitMs(requested, 0)).toBe(waitMs);
  });

  it('is in debt for what was produced beyond its level', () => {
    const bucket = new TokenBucket(60, 1);
    bucket.charge(90, 0);
    expect([bucket.remaining(0), bucket.waitMs(1, 0), bucket.resetMs(0)]).toEqual([0, 31_000, 90_000]);
    expect(bucket.remaining(40_000)).toBe(10);
  });
});

describe('a window', () => {
  it('counts what came until just before sixty seconds later', () => {
    const window = new SlidingWindow(10);
    window.charge(4, 1000);
    window.charge(6, 31_000);
    expect([31_000, 60_999, 61_000, 90_999, 91_000].map((at) => window.remaining(at))).toEqual([0, 0, 4, 4, 10]);
  });

  it('waits for as many as it takes', () => {
    const window = new SlidingWindow(10);
    for (const atMs of [0, 1000, 2000, 3000, 4000]) window.charge(2, atMs);
    expect([1, 2, 3, 10, 11].map((amount) => window.waitMs(amount, 5000))).toEqual([
      55_000,
      55_000,
      56_000,
      59_000,
      Infinity,
    ]);
  });
});
