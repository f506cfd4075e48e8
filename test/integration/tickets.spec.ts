import { beforeEach, describe, expect, it } from '@jest/globals';
import { OPEN_RATE } from '#contracts/open-rate.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import { HORIZON_MS, Tickets, type LimitScope, type TicketReply } from '#limits/tickets.js';
import type { NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, fails } from './support/turns.js';
import { ended, payloadOf, read, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();
const SMALL = { model: 'small', provider: 'acme', pool: 'acme' };
let tickets: Tickets;

beforeEach(() => {
  tickets = new Tickets(fixture.redis);
});

const scope = (limits: Limits, id = 'acme'): LimitScope => ({ id, limits });
const cost = (tokens: number) => ({ tokens, inputTokens: tokens, outputTokens: 0 });
const take = (limits: Limits, tokens = 0): Promise<TicketReply> =>
  tickets.take('acme', { scopes: [scope(limits)], cost: cost(tokens) });

/** Takes until the pool is too far ahead; the waits that were handed out. */
async function takeAll(limits: Limits, tokens = 0): Promise<number[]> {
  const waits: number[] = [];
  for (;;) {
    const reply = await take(limits, tokens);
    if (reply.kind === 'later') return waits;
    waits.push(reply.waitMs);
  }
}

/** What 600 calls a minute allow since then: what may be ahead (1 %), and one call each 101.5 ms until the horizon. */
const mostOf600 = (since: number): number => 6 + Math.ceil((performance.now() - since + HORIZON_MS) / 101.5) + 1;

const gateMs = async (): Promise<number> => Math.max(await fixture.redis.pttl(keys.poolGate('acme')), 0);

describe('a ticket', () => {
  it('starts the first call at once', async () => {
    expect(await take({ rpm: 60, tpm: 1_000 }, 10)).toEqual({ kind: 'due', waitMs: 0 });
  });

  it('spaces calls so that a minute has no more of them than the limit', async () => {
    const since = performance.now();
    const waits = await takeAll({ rpm: 600 });
    expect(waits.at(-1) ?? 0).toBeLessThanOrEqual(HORIZON_MS);
    expect(waits.length).toBeGreaterThanOrEqual(6 + 9);
    expect(waits.length).toBeLessThanOrEqual(mostOf600(since));
  });

  it('is handed out by what the calls before used, whatever its own size', async () => {
    const limits = { tpm: 60_000 };
    expect((await take(limits, 1_200)).kind).toBe('due');
    expect((await take(limits, 9_000)).kind).toBe('due');
    expect((await take(limits, 10)).kind).toBe('later');
  });

  it('of a large call waits until it has saved up what is more than a small one', async () => {
    const limits = { tpm: 6_000 };
    await take(limits, 60);
    const { waitMs } = await take(limits, 5_400);
    // 2 % are small: 5,280 tokens more, and the 60 of the call before, less the 60 that may be ahead; 96.5 tokens a second.
    expect(waitMs).toBeGreaterThan(50_000);
    expect(waitMs).toBeLessThanOrEqual(54_716);
  });

  it('counts in every scope, and the slowest decides', async () => {
    const both = { scopes: [scope({ tpm: 600_000 }, 'acme/small'), scope({ rpm: 40 })], cost: cost(10) };
    expect((await tickets.take('acme/small', both)).waitMs).toBe(0);
    expect((await tickets.take('acme/small', both)).waitMs).toBeGreaterThan(0);
    expect((await take({ rpm: 40 })).kind).toBe('later');
  });

  it('counts input and output apart where the provider does', async () => {
    const limits = { itpm: 6_000, otpm: 600 };
    const call = { scopes: [scope(limits)], cost: { tokens: 72, inputTokens: 60, outputTokens: 12 } };
    await tickets.take('acme', call);
    const { waitMs } = await tickets.take('acme', call);
    // Output is the slower: 12 tokens less the 6 that may be ahead, at 9.65 a second. Input alone would not wait.
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(622);
  });

  it('for a day may be taken at any pace until the day is used up', async () => {
    for (let i = 0; i < 50; i++) expect(await take({ rpd: 50 })).toEqual({ kind: 'due', waitMs: 0 });
    // A fiftieth of a day; the one after it is not told a time at all.
    expect((await take({ rpd: 50 })).waitMs).toBeGreaterThan(1_700_000);
    expect((await take({ rpd: 50 })).kind).toBe('later');
    expect(await gateMs()).toBeLessThanOrEqual(30_000);
  });

  it('costs nothing when the pool is too far ahead', async () => {
    await takeAll({ rpm: 6 });
    const before = await fixture.redis.hgetall(keys.paces('acme'));
    for (let i = 0; i < 20; i++) expect((await take({ rpm: 6 })).kind).toBe('later');
    expect(await fixture.redis.hgetall(keys.paces('acme'))).toEqual(before);
  });

  it('that takes the pool beyond the horizon closes it until the pace is near', async () => {
    expect(await gateMs()).toBe(0);
    await takeAll({ rpm: 6 });
    // 10.2 s a call, less the 0.6 s that may be ahead and the lead of 0.75 s.
    expect(await gateMs()).toBeGreaterThan(5_000);
    expect(await gateMs()).toBeLessThanOrEqual(8_803);
  });

  it('that takes the pool beyond the horizon lets its queue hand out little more than the pace', async () => {
    const rate = (): Promise<(string | null)[]> => fixture.redis.hmget(keys.poolMeta('acme'), 'max', 'duration');
    // 965 tokens a second, and calls of 301 on average of late: 0.8 of them in a quarter of a second.
    const limits = { tpm: 60_000 };
    await take(limits, 1);
    expect(await rate()).toEqual([String(OPEN_RATE.max), String(OPEN_RATE.durationMs)]);
    await take(limits, 3_000);
    expect(await rate()).toEqual(['3', '250']);
    await waitFor(async () => {
      await take(limits, 1);
      return (await rate())[0] === String(OPEN_RATE.max);
    });
  });

  it('is shared by all: twenty takers at once get no more than one', async () => {
    const since = performance.now();
    const others = Array.from({ length: 20 }, () => new Tickets(fixture.connect()));
    const replies = await Promise.all(
      others.flatMap((one) =>
        Array.from({ length: 5 }, () => one.take('acme', { scopes: [scope({ rpm: 600 })], cost: cost(0) })),
      ),
    );
    const due = replies.filter(({ kind }) => kind === 'due');
    expect(due.length).toBeLessThanOrEqual(mostOf600(since));
    expect(new Set(due.map(({ waitMs }) => waitMs).filter((ms) => ms > 0)).size).toBeGreaterThanOrEqual(8);
  });
});

describe('settling', () => {
  const limits = { tpm: 60_000 };
  const ticket = { scopes: [scope(limits)], cost: cost(6_000) };

  it('gives back what was not used', async () => {
    await tickets.take('acme', ticket);
    await tickets.settle(ticket, cost(600));
    expect((await take(limits, 10)).waitMs).toBe(0);
  });

  it('charges what was used beyond', async () => {
    await tickets.take('acme', { ...ticket, cost: cost(600) });
    await tickets.settle({ ...ticket, cost: cost(600) }, cost(3_000));
    expect(await take(limits, 10)).toMatchObject({ kind: 'later' });
  });

  it('gives everything back for a call that was never sent', async () => {
    await tickets.take('acme', ticket);
    await tickets.settle(ticket, null);
    expect((await take(limits, 10)).waitMs).toBe(0);
  });
});

describe('what a provider says of its limits', () => {
  const limits = { tpm: 6_000 };
  const says = (remaining: number, ageMs = 0) =>
    tickets.correct([scope(limits)], [{ unit: 'tokens', limit: 6_000, remaining, resetMs: null }], ageMs);

  it('makes calls wait when others use the limit, too', async () => {
    await take(limits, 10);
    await says(0);
    // 10 % are kept free: six seconds of refill, less the 0.6 s that may be ahead and the lead of 0.75 s.
    const reply = await take(limits, 10);
    expect(reply.kind).toBe('later');
    expect(reply.waitMs).toBeGreaterThan(1_000);
  });

  it('changes nothing while our own calls explain it', async () => {
    const own = { scopes: [scope(limits)], cost: cost(5_700) };
    await tickets.take('acme', own);
    const before = await fixture.redis.hget(keys.paces('acme'), 'tpm');
    await says(250);
    expect(await fixture.redis.hget(keys.paces('acme'), 'tpm')).toBe(before);
  });

  it('changes nothing while enough is left', async () => {
    await take(limits, 10);
    await says(600);
    expect((await take(limits, 10)).kind).toBe('due');
  });

  it('never lets a call start earlier', async () => {
    await take(limits, 3_000);
    const before = await fixture.redis.hget(keys.paces('acme'), 'tpm');
    await says(0);
    expect(Number(await fixture.redis.hget(keys.paces('acme'), 'tpm'))).toBeGreaterThanOrEqual(Number(before));
  });

  it('counts once, not once for each call that was in flight', async () => {
    await says(0);
    const before = await fixture.redis.hget(keys.paces('acme'), 'tpm');
    for (let i = 0; i < 10; i++) await says(0, 60_000);
    expect(await fixture.redis.hget(keys.paces('acme'), 'tpm')).toBe(before);
  });
});

describe('a pool with limits', () => {
  const limited = (limits: Limits) =>
    registryContent({ providers: [provider('acme', { limits })], models: [model('small')] });
  const alone = { plan: { candidates: [SMALL] } };

  it('starts its calls at their pace, over all workers, and loses none', async () => {
    const startedAt: number[] = [];
    const adapter = new ScriptedAdapter([
      (call) => {
        startedAt.push(performance.now());
        return answers('x')(call);
      },
    ]);
    const content = limited({ rpm: 1_200 });
    await startWorkerRig(fixture, { adapter, content });
    await startWorkerRig(fixture, { adapter, content });
    const jobs = await Promise.all(Array.from({ length: 60 }, () => submit(fixture, newJob(alone))));
    for (const job of jobs) expect((await ended(fixture, job)).state).toBe('completed');
    expect(startedAt).toHaveLength(60);
    const took = Math.max(...startedAt) - Math.min(...startedAt);
    // 60 calls, 12 of them ahead of a pace of 19.7 a second.
    expect(took).toBeGreaterThan(1_500);
    const numbers = await Promise.all(jobs.map(async (job) => (await read(fixture, job)).attempts[0]?.n ?? NaN));
    // Before the queue was slowed down, 45 % of 600 at 50 a second were taken in vain, many of them several times.
    expect(numbers.filter((n) => n > 1).length).toBeLessThan(jobs.length / 2);
  });

  it('is slowed down no more once its limits are lifted', async () => {
    const rig = await startWorkerRig(fixture, {
      adapter: new ScriptedAdapter([answers('x')]),
      content: limited({ rpm: 60 }),
    });
    for (let i = 0; i < 3; i++) await submit(fixture, newJob(alone));
    const rate = (): Promise<string | null> => fixture.redis.hget(keys.poolMeta('acme'), 'max');
    await waitFor(async () => Number(await rate()) < 10, { describe: 'the pool to be slowed down' });
    await rig.publish(limited({}));
    await waitFor(async () => Number(await rate()) === OPEN_RATE.max, { describe: 'the pool to be let go' });
  });

  it('hears what its provider says of its limits', async () => {
    const rateLimits = [{ unit: 'tokens' as const, limit: 6_000, remaining: 0, resetMs: null }];
    const adapter = new ScriptedAdapter([
      async (call) => ({ ...(await answers('x')(call)), rateLimits }),
      fails('invalid_request', { rateLimits }),
    ]);
    await startWorkerRig(fixture, { adapter, content: limited({ tpm: 6_000 }) });
    await ended(fixture, await submit(fixture, newJob(alone)));
    const freeAt = Number(await fixture.redis.hget(keys.paces('acme'), 'tpm'));
    // A tenth of the limit is kept free: six seconds of its refill.
    expect(freeAt - Date.now()).toBeGreaterThan(1_000);
  });

  it('leaves a job queued until its call is due', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content: limited({ rpm: 12 }) });
    await ended(fixture, await submit(fixture, newJob(alone)));
    const late = await submit(fixture, newJob(alone));
    await waitFor(async () => (await fixture.redis.hget(keys.call(`${late.id}-answer`), 'run')) !== null, {
      describe: 'a worker to hold it',
    });
    expect((await fixture.store.read(late.id))?.state).toBe('queued');
    const record = await ended(fixture, late);
    expect(record.state).toBe('completed');
    expect(record.attempts[0]?.waitedMs).toBeGreaterThan(2_000);
    expect(adapter.calls).toHaveLength(2);
  });

  it('gives a call that must wait long back to the queue, where it keeps its ticket', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const { runAttempt } = await startWorkerRig(fixture, { adapter, content: limited({ tpm: 1_000 }), pools: false });
    const run = async (job: NewJob, attempt: number) => {
      const taken = { pool: 'acme', turn: 1, run: `run-${attempt}`, lockLost: new AbortController().signal };
      return (await runAttempt.run(payloadOf(job, attempt), taken)).outcome;
    };
    const first = newJob(alone);
    const large = newJob({ ...alone, request: { model: 'small', max_tokens: 400 } });
    for (const job of [first, large]) await fixture.store.create(job);
    expect(await run(first, 1)).toBe('completed');
    expect(await run(large, 1)).toBe('released');
    const [delayed] = await fixture.queues.queueOf('acme').getDelayed();
    expect(delayed?.delay).toBeGreaterThan(20_000);
    expect(await gateMs()).toBeGreaterThan(20_000);
    expect(await gateMs()).toBeLessThanOrEqual(delayed?.delay ?? 0);
    const before = await fixture.redis.hget(keys.paces('acme'), 'tpm');
    expect(await run(large, 2)).toBe('completed');
    expect(await fixture.redis.hget(keys.paces('acme'), 'tpm')).toBe(before);
    expect(adapter.calls).toHaveLength(2);
  });

  it('gives the ticket of a job that is cancelled while it waits back', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content: limited({ rpm: 12 }) });
    await ended(fixture, await submit(fixture, newJob(alone)));
    const before = Number(await fixture.redis.hget(keys.paces('acme'), 'rpm'));
    const job = await submit(fixture, newJob(alone));
    await waitFor(async () => Number(await fixture.redis.hget(keys.paces('acme'), 'rpm')) > before + 1, {
      describe: 'the ticket',
    });
    await fixture.store.cancel(job.id);
    expect((await ended(fixture, job)).state).toBe('cancelled');
    await waitFor(async () => Number(await fixture.redis.hget(keys.paces('acme'), 'rpm')) <= before + 1_000, {
      describe: 'the ticket given back',
    });
    expect(adapter.calls).toHaveLength(1);
  });
});
