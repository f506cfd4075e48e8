import { beforeEach, describe, expect, it } from '@jest/globals';
import { attemptId } from '#contracts/queue-payloads.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { keys } from '#platform/keys.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();
const SLOT_MS = 10_000;
let loads: PoolLoads;

beforeEach(() => {
  loads = new PoolLoads(fixture.redis);
});

const placeOf = (job: NewJob) => loads.placeOf('acme', attemptId(answerCallId(job.id), 1));
const readOne = async () => (await loads.read(['acme']))[0];

/** As if so many attempts had started in the slot before this one, and none in this. */
const servedBefore = (started: number, slotsAgo = 1) =>
  fixture.redis.hset(keys.poolOrder('acme'), {
    slot: Math.floor(Date.now() / SLOT_MS) - slotsAgo,
    started,
    started_before: 0,
  });

describe('the load of a pool', () => {
  it('is nothing for a pool that nobody has used', async () => {
    expect(await readOne()).toEqual({ ahead: 0, startsPerSecond: 0 });
  });

  it('counts what comes before a newcomer, not all that one key has waiting', async () => {
    for (let i = 0; i < 200; i++) await submit(fixture, newJob({ key: 'bulk' }));
    const { ahead } = (await readOne()) ?? { ahead: NaN };
    expect(ahead).toBeGreaterThanOrEqual(1);
    expect(ahead).toBeLessThanOrEqual(2);
  });

  it('measures starts over the last ten to twenty seconds', async () => {
    await servedBefore(100);
    const { startsPerSecond } = (await readOne()) ?? { startsPerSecond: NaN };
    expect(startsPerSecond).toBeGreaterThan(4.9);
    expect(startsPerSecond).toBeLessThanOrEqual(10);
    await servedBefore(100, 3);
    expect((await readOne())?.startsPerSecond).toBe(0);
  });

  it('counts what workers really start', async () => {
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([answers('x')]) });
    for (let i = 0; i < 5; i++) await ended(fixture, await submit(fixture, newJob()));
    expect((await readOne())?.startsPerSecond).toBeGreaterThanOrEqual(0.05);
  });
});

describe('the place of a job', () => {
  it('is its rank in the order, and a time by what was measured', async () => {
    const first = await submit(fixture, newJob());
    const second = await submit(fixture, newJob());
    expect(await placeOf(second)).toEqual({ position: 2, estimatedStartAt: null });
    await servedBefore(10);
    const place = await placeOf(second);
    expect(place.position).toBe(2);
    // Two turns at half a start to one start a second.
    expect((place.estimatedStartAt ?? 0) - Date.now()).toBeGreaterThan(1_900);
    expect((place.estimatedStartAt ?? 0) - Date.now()).toBeLessThanOrEqual(4_000);
    expect((await placeOf(first)).position).toBe(1);
  });

  it('is its time alone for a job that is not to start before', async () => {
    const notBefore = Date.now() + 60_000;
    const { position, estimatedStartAt } = await placeOf(await submit(fixture, newJob({ notBefore })));
    expect(position).toBeNull();
    expect(Math.abs((estimatedStartAt ?? 0) - notBefore)).toBeLessThan(1_000);
  });

  it('is later by the pause of a paused pool', async () => {
    const job = await submit(fixture, newJob());
    await servedBefore(100);
    const before = (await placeOf(job)).estimatedStartAt ?? 0;
    await fixture.redis.set(keys.poolPause('acme'), '1', 'PX', 20_000);
    expect(((await placeOf(job)).estimatedStartAt ?? 0) - before).toBeGreaterThan(19_000);
  });

  it('is unknown for a job that is not in the queue', async () => {
    expect(await placeOf(newJob())).toEqual({ position: null, estimatedStartAt: null });
  });
});
