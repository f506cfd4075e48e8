import { beforeEach, describe, expect, it } from '@jest/globals';
import { DOWN_AFTER } from '#health/health-reading.js';
import { HealthStore, type HealthReport, type Subject } from '#health/health-store.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
const acme: Subject = { kind: 'provider', id: 'acme' };
const COOL_DOWN_MS = 30_000;

let health: HealthStore;

beforeEach(() => {
  health = new HealthStore(fixture.redis);
});

const report = (change: Partial<HealthReport>) =>
  health.report(acme, { successes: 0, failures: 0, certain: false, ageMs: 0, coolDownMs: COOL_DOWN_MS, ...change });
const fail = (times = 1, change: Partial<HealthReport> = {}) => report({ failures: times, ...change });
const succeed = (change: Partial<HealthReport> = {}) => report({ successes: 1, ...change });
const read = async () => (await health.read([acme])).health[0] ?? null;

/** Lets the cool-down pass without waiting for it. */
const coolDownPasses = () => fixture.redis.hset(keys.health('provider', 'acme'), 'down_until', Date.now() - 1);

describe('the health of a provider', () => {
  it('is up when nothing was heard of it', async () => {
    expect(await read()).toBeNull();
    expect((await succeed()).state).toBe('up');
  });

  it('is degraded after two errors in a row and down after five', async () => {
    const states = [];
    for (let i = 0; i < DOWN_AFTER; i++) states.push((await fail()).state);
    expect(states).toEqual(['up', 'degraded', 'degraded', 'degraded', 'down']);
    expect((await read())?.state).toBe('down');
  });

  it('starts counting anew after a success', async () => {
    await fail(4);
    expect((await succeed()).state).toBe('up');
    expect((await fail(4)).state).toBe('degraded');
  });

  it('is down at once when the failure is certain to repeat itself', async () => {
    expect((await fail(1, { certain: true })).state).toBe('down');
  });

  it('is not mended by an answer to what was sent before the last failure', async () => {
    await fail(5);
    expect((await succeed({ ageMs: 60_000 })).state).toBe('down');
    expect((await succeed()).state).toBe('up');
  });

  it('is not left alone for longer because calls from before it went down still fail', async () => {
    const { figures } = await fail(5);
    await fixture.redis.hset(keys.health('provider', 'acme'), 'failed_at', Date.now() + 1_000);
    expect((await fail(3, { coolDownMs: 500_000 })).figures.downUntil).toBeLessThanOrEqual(figures.downUntil + 50);
  });

  it('has a failure rate that falls when nothing more is heard', async () => {
    await report({ successes: 10, failures: 10 });
    const fresh = (await read())?.failureRate ?? 0;
    expect(fresh).toBeCloseTo(10 / 21, 2);
    const record = keys.health('provider', 'acme');
    await fixture.redis.hset(record, 'at', Number(await fixture.redis.hget(record, 'at')) - 600_000);
    expect((await read())?.failureRate).toBeLessThan(fresh / 20);
  });

  it('is forgotten when nothing was heard for a while', async () => {
    await fail(5);
    const left = await fixture.redis.pttl(keys.health('provider', 'acme'));
    expect(left).toBeGreaterThan(COOL_DOWN_MS);
    expect(left).toBeLessThanOrEqual(600_000 + COOL_DOWN_MS);
  });
});

describe('a probe', () => {
  it('is not let through before the cool-down has passed', async () => {
    await fail(5);
    const answer = await health.askProbe(acme, COOL_DOWN_MS);
    expect(answer.kind).toBe('closed');
    expect(answer.waitMs).toBeGreaterThan(COOL_DOWN_MS - 5_000);
  });

  it('is let through once, whoever asks', async () => {
    await fail(5);
    await coolDownPasses();
    expect((await read())?.probeDue).toBe(true);
    const answers = await Promise.all(Array.from({ length: 20 }, () => health.askProbe(acme, COOL_DOWN_MS)));
    expect(answers.filter(({ kind }) => kind === 'probe')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'closed')).toHaveLength(19);
    expect((await read())?.state).toBe('down');
  });

  it('opens the provider when it is answered', async () => {
    await fail(5);
    await coolDownPasses();
    await health.askProbe(acme, COOL_DOWN_MS);
    expect((await succeed()).state).toBe('up');
    expect(await health.askProbe(acme, COOL_DOWN_MS)).toEqual({ kind: 'open', waitMs: 0 });
  });

  it('starts another cool-down when it fails', async () => {
    await fail(5);
    await coolDownPasses();
    await health.askProbe(acme, COOL_DOWN_MS);
    const { figures } = await fail();
    expect(figures.downUntil).toBeGreaterThan(Date.now() + COOL_DOWN_MS - 5_000);
  });

  it('that nobody hears of again is followed by another after one more cool-down', async () => {
    await fail(5);
    await coolDownPasses();
    await health.askProbe(acme, 50);
    const next = await waitFor(
      async () => {
        const answer = await health.askProbe(acme, 50);
        return answer.kind === 'probe' && answer;
      },
      { describe: 'the next probe' },
    );
    expect(next.waitMs).toBe(50);
  });
});

describe('the observed latency of a model', () => {
  const observed = async () => (await health.read([])).latencies.get('small');

  it('is the first answer, and moves by a tenth of the difference with each one after it', async () => {
    await health.observeLatency('small', 1_000, 1);
    expect(await observed()).toBe(1_000);
    await health.observeLatency('small', 2_000, 1);
    expect(await observed()).toBeCloseTo(1_100);
    await health.observeLatency('small', 2_000, 2);
    expect(await observed()).toBeCloseTo(2_000 - 900 * 0.9 ** 2);
  });

  it('is not used once it is old', async () => {
    await health.observeLatency('small', 1_000, 1);
    await fixture.redis.hset(keys.latencies(), 'small', `1000 ${Math.floor(Date.now() / 1000) - 3_600}`);
    expect(await observed()).toBeUndefined();
  });
});
