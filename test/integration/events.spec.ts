import { describe, expect, it } from '@jest/globals';
import { isTerminalEvent, type JobEvent } from '#contracts/job-event.js';
import { EventReader } from '#jobs/event-reader.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { loadJobScripts } from '#jobs/job-scripts.js';
import { JobStore } from '#jobs/job-store.js';
import type { Notices } from '#jobs/notices.js';
import { EndWaiter } from '#jobs/wait-for-end.js';
import { keys, prefixes } from '#platform/keys.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { waitFor } from '#testing/wait-for.js';
import { delta, hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, registryContent } from './support/registry-content.js';
import { seededRandom, testSeed } from './support/seeded-random.js';

const fixture = new RedisFixture();
const seed = testSeed();
const never = new AbortController().signal;

/** An API process of this name: its notices, and a reader on them. */
async function startProcess(name: string) {
  const { notices, subscriber } = await fixture.notices(name);
  return { notices, subscriber, reader: new EventReader(fixture.connect(), fixture.store, notices) };
}

async function create(options: NewJobOptions = {}): Promise<NewJob> {
  const job = newJob({ plan: { stream: true }, ...options });
  await fixture.store.create(job);
  return job;
}

const emit = (job: NewJob, token: string, attempt: number, text: string) =>
  fixture.attempts.emit(runOf(job, token, attempt), delta(attempt, text));
const complete = (job: NewJob, token: string, attempt = 1) =>
  fixture.attempts.finish(runOf(job, token, attempt), outcomeOf('completed', attempt));

/** Two attempts with `deltas` pieces of output each, the second of which answers. */
async function runThrough(job: NewJob, deltas: number): Promise<void> {
  await fixture.begin(runOf(job, 'a'));
  for (let i = 0; i < deltas; i++) await emit(job, 'a', 1, `a${i} `);
  await fixture.attempts.advance(runOf(job, 'a'), hop(1));
  await fixture.begin(runOf(job, 'b', 2));
  for (let i = 0; i < deltas; i++) await emit(job, 'b', 2, `b${i} `);
  await complete(job, 'b', 2);
}

async function collect(events: AsyncIterable<JobEvent>, into: JobEvent[] = []): Promise<JobEvent[]> {
  for await (const event of events) into.push(event);
  return into;
}

/** What the stream holds, read past the reader under test. */
async function logged(job: NewJob): Promise<JobEvent[]> {
  const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
  return entries.map(([id, fields]) => ({
    seq: Number(id.split('-')[1]),
    type: fields[1] as JobEvent['type'],
    data: fields[3] ?? '',
  }));
}

const numbersTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

describe('a delta', () => {
  it('that is sent again because Redis went away before it answered is written once', async () => {
    const job = await create();
    await fixture.begin(runOf(job, 'a'));
    const scripts = loadJobScripts(fixture.redis);
    const send = (text: string, number: number) =>
      scripts.emit(
        [keys.job(job.id), keys.call(answerCallId(job.id)), keys.events(job.id)],
        [job.id, 1, 'a', prefixes.toProcess, delta(1, text), number],
      );
    for (const [text, number] of [
      ['one', 1],
      ['one', 1],
      ['two', 2],
      ['two', 2],
    ] as const) {
      expect(await send(text, number)).toBe('ok');
    }
    const deltas = (await logged(job)).filter(({ type }) => type === 'output.delta');
    expect(deltas.map(({ data }) => data)).toEqual([delta(1, 'one'), delta(1, 'two')]);
  });
});

describe('sequence numbers', () => {
  it('start at 1 and have no gaps, over attempts and to the one terminal event', async () => {
    const job = await create();
    await runThrough(job, 5);
    const { reader } = await startProcess('api-a');
    const events = await collect(reader.read(job.id, { after: 0, signal: never }));
    expect(events.map(({ seq }) => seq)).toEqual(numbersTo(17));
    expect(events.filter(({ type }) => isTerminalEvent(type)).map(({ seq }) => seq)).toEqual([17]);
    const deltas = Array.from({ length: 5 }, () => 'output.delta');
    expect(events.map(({ type }) => type)).toEqual([
      ...['job.queued', 'job.started', 'attempt.started', ...deltas],
      ...['attempt.failed', 'output.reset', 'attempt.started', ...deltas, 'job.completed'],
    ]);
  });

  it(`replay from any number gives exactly the rest (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const { reader } = await startProcess('api-a');
    for (let round = 0; round < 5; round++) {
      const job = await create();
      // Beyond one page of the replay in some rounds.
      await runThrough(job, 1 + random(400));
      const all = await logged(job);
      for (let cut = 0; cut < 10; cut++) {
        const after = random(all.length + 1);
        const rest = await collect(reader.read(job.id, { after, signal: never }));
        expect({ after, rest }).toEqual({ after, rest: all.slice(after) });
      }
    }
  });

  it(`a reader that comes and goes at any moment of a running job misses and repeats nothing (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const processes = [await startProcess('api-a'), await startProcess('api-b')];
    const job = await create();
    const running = runThrough(job, 300);
    const seen: JobEvent[] = [];
    for (let visit = 0; !isTerminalEvent(seen.at(-1)?.type ?? 'job.queued'); visit++) {
      const leave = new AbortController();
      const stay = 1 + random(40);
      const { reader } = processes[visit % 2] ?? (await startProcess('api-c'));
      let got = 0;
      for await (const event of reader.read(job.id, { after: seen.at(-1)?.seq ?? 0, signal: leave.signal })) {
        seen.push(event);
        if (++got === stay) break;
      }
    }
    await running;
    expect(seen).toEqual(await logged(job));
  });
});

describe('readers on several processes', () => {
  it('see the same: one from the start, one that comes late, and one so slow that its inbox overflows', async () => {
    const [first, second, third] = [
      await startProcess('api-a'),
      await startProcess('api-b'),
      await startProcess('api-c'),
    ];
    const job = newJob({ reader: 'api-a', plan: { stream: true } });
    const early = collect(first.reader.read(job.id, { after: 0, signal: never, created: Promise.resolve() }));
    await fixture.store.create(job);
    const slow = third.reader.read(job.id, { after: 0, signal: never });
    const slowly = [(await slow.next()).value];
    let told = 0;
    third.notices.listen(job.id, { onEvent: () => told++, onInterrupted: () => undefined });

    await fixture.begin(runOf(job, 'a'));
    const half = Array.from({ length: 1_200 }, (_, i) => `${i} `);
    await Promise.all(half.map((text) => emit(job, 'a', 1, text)));
    const late = collect(second.reader.read(job.id, { after: 0, signal: never }));
    await Promise.all(half.map((text) => emit(job, 'a', 1, text)));
    await complete(job, 'a');
    await waitFor(() => told === 2_403, { describe: 'all events at the slow process' });

    const all = await logged(job);
    expect(all.map(({ seq }) => seq)).toEqual(numbersTo(2_404));
    expect(await early).toEqual(all);
    expect(await late).toEqual(all);
    expect([...slowly, ...(await collect(slow))]).toEqual(all);
  });

  it('of a finished job get all of it and end', async () => {
    const job = await create();
    await runThrough(job, 3);
    for (const name of ['api-a', 'api-b']) {
      const { reader } = await startProcess(name);
      expect(await collect(reader.read(job.id, { after: 0, signal: never }))).toEqual(await logged(job));
    }
  });

  it('of a finished job that have its end already get nothing and end', async () => {
    const job = await create();
    await runThrough(job, 1);
    const { reader } = await startProcess('api-a');
    const { length } = await logged(job);
    expect(await collect(reader.read(job.id, { after: length, signal: never }))).toEqual([]);
    expect(await collect(reader.read(job.id, { after: length + 100, signal: never }))).toEqual([]);
  });

  it('of a job that does not exist, or was deleted, end at once', async () => {
    const job = await create();
    await fixture.store.cancel(job.id);
    await fixture.store.delete(job.id, job.project);
    const { reader } = await startProcess('api-a');
    expect(await collect(reader.read(job.id, { after: 0, signal: never }))).toEqual([]);
    expect(await collect(reader.read('job_unknown', { after: 3, signal: never }))).toEqual([]);
  });
});

describe('a job that nobody can come back to', () => {
  it('has no stream while nobody reads it, and a reader after its end is told that end', async () => {
    const job = unkept();
    await fixture.store.create(job);
    await runThrough(job, 2);
    expect(await fixture.redis.exists(keys.events(job.id))).toBe(0);
    const { reader } = await startProcess('api-a');
    expect(await collect(reader.read(job.id, { after: 0, signal: never }))).toEqual([
      { seq: 1, type: 'job.completed', data: '{"state":"completed"}' },
    ]);
  });

  it('gives its reader from creation every event live, from number 1', async () => {
    const { reader } = await startProcess('api-a');
    const job = unkept({ reader: 'api-a', syncStream: true });
    const events = collect(reader.read(job.id, { after: 0, signal: never, created: Promise.resolve() }));
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    await emit(job, 'a', 1, 'x');
    await complete(job, 'a');
    const seen = await events;
    expect(seen).toEqual(await logged(job));
    expect(seen.map(({ seq, type }) => `${seq} ${type}`)).toEqual([
      '1 job.started',
      '2 attempt.started',
      '3 output.delta',
      '4 job.completed',
    ]);
  });

  it('gives a reader that comes while it runs what follows, and its end', async () => {
    const { reader } = await startProcess('api-a');
    const job = unkept();
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    await emit(job, 'a', 1, 'unseen');
    const events = collect(reader.read(job.id, { after: 0, signal: never }));
    await waitFor(() => fixture.redis.hget(keys.job(job.id), 'readers'), { describe: 'the reader' });
    await emit(job, 'a', 1, 'seen');
    await complete(job, 'a');
    expect((await events).map(({ seq, type }) => [seq, type])).toEqual([
      [1, 'output.delta'],
      [2, 'job.completed'],
    ]);
  });
});

describe('an interrupted subscription', () => {
  /** Breaks every subscriber; resolves before any of them has come back. */
  const interrupt = (): Promise<unknown> => fixture.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');

  it('loses no event, though events were published while it was away', async () => {
    const { reader, notices, subscriber } = await startProcess('api-a');
    const job = await create();
    const seen: JobEvent[] = [];
    const events = collect(reader.read(job.id, { after: 0, signal: never }), seen);
    await fixture.begin(runOf(job, 'a'));
    await waitFor(() => seen.length === 3, { describe: 'the first events' });
    const live: number[] = [];
    notices.listen(job.id, { onEvent: ({ seq }) => live.push(seq), onInterrupted: () => undefined });
    for (let round = 1; round <= 3; round++) {
      await interrupt();
      for (let i = 0; i < 20; i++) await emit(job, 'a', 1, `${round}.${i} `);
      await waitFor(() => seen.length === 3 + 20 * round, { describe: `all events after break ${round}` });
      await waitFor(() => subscriber.status === 'ready', { describe: 'the subscriber' });
    }
    await complete(job, 'a');
    expect(await events).toEqual(await logged(job));
    expect(live.length).toBeLessThan(61);
  });

  it('loses no end: the reader returns and the waiter gets the result, though nothing is published any more', async () => {
    const { reader, notices } = await startProcess('api-a');
    const waiter = new EndWaiter(fixture.store, notices);
    const job = await create();
    const expected = await create({ waiter: 'api-a' });
    const fromCreation = waiter.expectEnd(expected.id, { timeoutMs: 10_000 });
    const ended = waiter.waitForEnd(job.id, { timeoutMs: 10_000 });
    const events = collect(reader.read(job.id, { after: 0, signal: never }));
    await waitFor(() => fixture.redis.hget(keys.job(job.id), 'readers'), { describe: 'the reader' });
    await waitFor(() => fixture.redis.hget(keys.job(job.id), 'waiters'), { describe: 'the waiter' });
    let heard = 0;
    const witness = { onEnd: () => heard++, onInterrupted: () => undefined };
    for (const { id } of [job, expected]) notices.listen(id, witness);
    await interrupt();
    for (const one of [job, expected]) {
      await fixture.begin(runOf(one, 'a'));
      await complete(one, 'a');
    }
    expect(await ended).toMatchObject({ state: 'completed', body: '{"answer":42}', costNano: 1_234, attempts: 1 });
    expect(await fromCreation).toMatchObject({ state: 'completed', body: '{"answer":42}', provider: 'acme' });
    expect((await events).at(-1)?.type).toBe('job.completed');
    expect(heard).toBe(0);
  });

  it('loses no end either when the connection for commands is back later than the subscription', async () => {
    const { notices } = await startProcess('api-a');
    const commands = fixture.connect();
    const late = new JobStore(commands);
    let refusals = 0;
    const refuseOnce = <T>(ask: (jobId: string) => Promise<T>): ((jobId: string) => Promise<T>) => {
      let refused = false;
      return (jobId) => {
        if (refused) return ask(jobId);
        refused = true;
        refusals++;
        return Promise.reject(new Error('Connection is closed.'));
      };
    };
    const job = await create({ waiter: 'api-a' });
    const ended = new EndWaiter(late, notices).expectEnd(job.id, { timeoutMs: 10_000 });
    const events = collect(new EventReader(commands, late, notices).read(job.id, { after: 0, signal: never }));
    await waitFor(() => fixture.redis.hget(keys.job(job.id), 'readers'), { describe: 'the reader' });
    late.read = refuseOnce(late.read.bind(late));
    late.look = refuseOnce(late.look.bind(late));
    await interrupt();
    await fixture.begin(runOf(job, 'a'));
    await complete(job, 'a');
    expect(await ended).toMatchObject({ state: 'completed', body: '{"answer":42}' });
    expect(await events).toEqual(await logged(job));
    expect(refusals).toBe(2);
  });

  it('of a job without a stream that is over and gone ends its reader', async () => {
    const { reader } = await startProcess('api-a');
    const job = unkept({ reader: 'api-a', syncStream: true });
    const events = collect(reader.read(job.id, { after: 0, signal: never, created: Promise.resolve() }));
    await fixture.store.create(job);
    await interrupt();
    await fixture.begin(runOf(job, 'a'));
    await complete(job, 'a');
    await fixture.store.delete(job.id, job.project);
    await events;
    expect((await fixture.redis.keys('*')).toSorted()).toEqual([keys.jobLists(), keys.poolOrder('acme')]);
  });
});

describe('waiting for an end', () => {
  it('is told at once of a job that has ended, and of one that does not exist', async () => {
    const { notices } = await startProcess('api-a');
    const waiter = new EndWaiter(fixture.store, notices);
    const job = await create();
    await runThrough(job, 0);
    expect(await waiter.waitForEnd(job.id, { timeoutMs: 10_000 })).toMatchObject({ state: 'completed' });
    expect(await waiter.waitForEnd('job_unknown', { timeoutMs: 10_000 })).toBeNull();
  });

  it('gets a result too large to push from the record', async () => {
    const { notices } = await startProcess('api-a');
    const waiter = new EndWaiter(fixture.store, notices);
    const job = await create();
    const ended = waiter.waitForEnd(job.id, { timeoutMs: 10_000 });
    await waitFor(() => fixture.redis.hget(keys.job(job.id), 'waiters'), { describe: 'the waiter' });
    await fixture.begin(runOf(job, 'a'));
    const result = JSON.stringify('x'.repeat(300_000));
    await fixture.attempts.finish(runOf(job, 'a'), { ...outcomeOf('completed'), result });
    expect(await ended).toMatchObject({ state: 'completed', body: null });
    expect((await fixture.store.read(job.id))?.result).toBe(result);
  });

  it('notifies every process that waits, once each, and no other', async () => {
    const processes = [await startProcess('api-a'), await startProcess('api-b'), await startProcess('api-c')];
    const job = await create({ waiter: 'api-a' });
    const heard: string[] = [];
    for (const { notices } of processes) {
      notices.listen(job.id, { onEnd: () => heard.push(notices.processId), onInterrupted: () => undefined });
    }
    for (let i = 0; i < 3; i++) await fixture.store.watch(job.id, 'api-b', 'waiters');
    await fixture.store.cancel(job.id);
    await waitFor(() => heard.length === 2, { describe: 'both notices' });
    // A message behind the notices on the third process's channel shows that none was before it.
    const probe = await create({ waiter: 'api-c' });
    const probed = new EndWaiter(fixture.store, (processes[2] ?? (await startProcess('x'))).notices);
    const end = probed.expectEnd(probe.id, { timeoutMs: 10_000 });
    await fixture.store.cancel(probe.id);
    await end;
    expect(heard.toSorted()).toEqual(['api-a', 'api-b']);
  });

  it('gives up after its timeout, and rejects with the reason of its signal', async () => {
    const { notices } = await startProcess('api-a');
    const waiter = new EndWaiter(fixture.store, notices);
    const job = await create();
    expect(await waiter.waitForEnd(job.id, { timeoutMs: 30 })).toBeNull();
    const leave = new AbortController();
    const waiting = waiter.waitForEnd(job.id, { timeoutMs: 10_000, signal: leave.signal });
    leave.abort(new Error('client gone'));
    await expect(waiting).rejects.toThrow('client gone');
    expect(listenersOf(notices)).toBe(0);
  });
});

/** How many jobs a process listens to; nothing else shows a listener that was left behind. */
function listenersOf(notices: Notices): number {
  return (notices as unknown as { listeners: Map<string, unknown> }).listeners.size;
}

describe('leaving', () => {
  it.each([
    ['while it waits for an event', false],
    ['before its first event', true],
  ])('a reader that is aborted %s throws the reason and listens no longer', async (_when, atOnce) => {
    const { reader, notices } = await startProcess('api-a');
    const job = await create();
    const leave = new AbortController();
    const seen: JobEvent[] = [];
    const events = collect(reader.read(job.id, { after: 0, signal: leave.signal }), seen);
    if (!atOnce) await waitFor(() => seen.length === 1, { describe: 'the first event' });
    expect(listenersOf(notices)).toBe(1);
    leave.abort(new Error('client gone'));
    await expect(events).rejects.toThrow('client gone');
    expect(listenersOf(notices)).toBe(0);
  });

  it('a reader that has the end listens no longer', async () => {
    const { reader, notices } = await startProcess('api-a');
    const job = await create();
    const events = collect(reader.read(job.id, { after: 0, signal: never }));
    await runThrough(job, 3);
    await events;
    expect(listenersOf(notices)).toBe(0);
  });
});

it('messages of other channels on the same connection disturb no notice', async () => {
  const { notices, subscriber, reader } = await startProcess('api-a');
  const registry = new LiveRegistry({ redis: fixture.redis, subscriber, onError: fixture.onError });
  fixture.after(() => registry.stop());
  await registry.start();
  const job = await create();
  const events = collect(reader.read(job.id, { after: 0, signal: never }));
  await registry.publish(registryContent());
  await registry.publish(registryContent({ models: [model('another')] }));
  await runThrough(job, 1);
  expect(await events).toEqual(await logged(job));
  await waitFor(() => registry.current.model('another') !== undefined, { describe: 'the second version' });
  expect(listenersOf(notices)).toBe(0);
  expect(fixture.errors).toEqual([]);
});
