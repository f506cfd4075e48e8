import { describe, expect, it } from '@jest/globals';
import type { ErrorClass } from '#contracts/attempt.js';
import { NO_USAGE } from '#contracts/usage.js';
import { answerCallId, type JobRecord, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { newJob, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, fails, Gate, hangs, streams, USAGE } from './support/turns.js';
import {
  ended,
  ScriptedAdapter,
  startWorkerRig,
  submit,
  type Turn,
  type WorkerRig,
  type WorkerRigOptions,
} from './support/worker-rig.js';

const fixture = new RedisFixture();

/** 60 fresh and 40 cached input tokens, 10 output tokens at the prices of `support/registry-content.ts`. */
const COST_OF_USAGE = 40 * 2_500 + 40 * 1_250 + 20 * 3_125 + 10 * 10_000;

/** Runs one job through a worker whose provider takes these turns. */
async function runJob(turns: Turn[], options: NewJobOptions = {}, worker: Partial<WorkerRigOptions> = {}) {
  const adapter = new ScriptedAdapter(turns);
  const rig = await startWorkerRig(fixture, { adapter, ...worker });
  const job = await submit(fixture, newJob(options));
  return { record: await ended(fixture, job), adapter, rig, job };
}

const trail = (record: JobRecord): string[] =>
  record.attempts.map(({ n, model: id, state, error }) => `${n} ${id} ${state} ${error?.class ?? '-'}`);

async function eventTypes(job: Pick<NewJob, 'id'>): Promise<string[]> {
  const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
  return entries.map(([, fields]) => fields[1] ?? '');
}

const streaming: NewJobOptions = { plan: { stream: true } };

/** A synchronous stream of an API process that lives. */
async function submitSyncStream(): Promise<NewJob> {
  await fixture.redis.set(keys.presence('api-1'), '{}');
  return submit(fixture, unkept({ reader: 'api-1', syncStream: true, plan: { stream: true } }));
}

describe('an answer', () => {
  it('completes the job: result, model, usage and cost to the nano-dollar', async () => {
    const { record, adapter, job } = await runJob([answers('It.')]);
    expect(record).toMatchObject({
      state: 'completed',
      model: 'small',
      provider: 'acme',
      error: null,
      usage: USAGE,
      costNano: COST_OF_USAGE,
      attempts: [
        {
          n: 1,
          model: 'small',
          state: 'completed',
          error: null,
          usage: USAGE,
          usageEstimated: false,
          costNano: COST_OF_USAGE,
        },
      ],
    });
    expect(JSON.parse(record.result ?? '')).toEqual({ choices: [{ message: { content: 'It.' } }] });
    expect(adapter.calls[0]).toMatchObject({
      kind: 'chat',
      body: job.request,
      upstreamModel: 'upstream-small',
      endpoint: 'http://127.0.0.1:1/v1',
      credential: null,
      deadlineMs: job.deadline,
    });
    expect(adapter.calls[0]?.onDelta).toBeUndefined();
    expect(await fixture.redis.keys('*:acme:*.1')).toEqual([]);
  });

  it('costs what its tokens cost, in whole nano-dollars, rounded up', async () => {
    const price = { inputNano: 0.15, outputNano: 0.6, cachedInputNano: 0.075, cacheWriteNano: 0.2 };
    const usage = { ...NO_USAGE, inputTokens: 4, outputTokens: 1, cachedInputTokens: 1, cacheWriteInputTokens: 1 };
    const content = registryContent({ models: [model('small', { price }), model('large')] });
    const { record } = await runJob([answers('x', usage)], {}, { content });
    // 2 × 0.15 + 1 × 0.075 + 1 × 0.2 + 1 × 0.6 = 1.175
    expect(record.costNano).toBe(2);
  });

  it('sums usage and cost over all its attempts', async () => {
    const half = streams(['half'], fails('transient'));
    const { record } = await runJob([half, half, answers('whole')], { plan: { stream: true, inputTokens: 50 } });
    const [first, second, third] = record.attempts;
    expect([first?.usageEstimated, second?.usageEstimated, third?.usageEstimated]).toEqual([true, true, false]);
    const total = (pick: (attempt: JobRecord['attempts'][number]) => number): number =>
      record.attempts.reduce((sum, attempt) => sum + pick(attempt), 0);
    expect(first?.usage).toMatchObject({ inputTokens: 50, outputTokens: 1 });
    expect(first?.costNano).toBe(50 * 2_500 + 10_000);
    expect(record.costNano).toBe(total(({ costNano }) => costNano));
    expect(record.usage.inputTokens).toBe(total(({ usage }) => usage?.inputTokens ?? 0));
    expect(record.usage).toMatchObject({
      inputTokens: 200,
      outputTokens: 12,
      cachedInputTokens: 40,
      cacheWriteInputTokens: 20,
      reasoningTokens: 3,
    });
  });

  it('streamed without usage is billed by what was streamed and counted at creation, and says so', async () => {
    const text = 'one two three four';
    const { record } = await runJob([streams(text.split(/(?= )/), answers(text, null))], streaming);
    expect(record.attempts[0]).toMatchObject({
      usageEstimated: true,
      usage: { ...NO_USAGE, inputTokens: 7, outputTokens: 4 },
      costNano: 7 * 2_500 + 4 * 10_000,
    });
    expect(record.costNano).toBe(7 * 2_500 + 4 * 10_000);
  });

  it('is asked for as a stream only when somebody wants pieces', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter });
    const jobs = [newJob(), newJob(streaming), unkept({ owner: null, reader: 'api-1' })];
    for (const job of jobs) await ended(fixture, await submit(fixture, job));
    expect(adapter.calls.map((call) => call.onDelta !== undefined)).toEqual([false, true, true]);
  });
});

describe('the cost of a call that brought no answer', () => {
  it.each([
    ['answer_timeout', 7 * 2_500],
    ['first_token_timeout', 7 * 2_500],
    ['idle_timeout', 7 * 2_500],
    ['connection_reset', 0],
    ['overloaded', 0],
  ])('is that of its input when we gave it up, and nothing when the provider did: %s', async (code, costNano) => {
    const { record } = await runJob([fails('transient', { code }), answers('x')]);
    expect(record.attempts[0]).toMatchObject({ state: 'failed', usageEstimated: costNano > 0, costNano });
    expect(record.costNano).toBe(costNano + COST_OF_USAGE);
  });
});

describe('a failure', () => {
  const followedBy = (errorClass: ErrorClass, options: NewJobOptions = {}) =>
    runJob([fails(errorClass), answers('x')], options);

  it('transient: the same candidate once more after a backoff, then the next', async () => {
    const { record, adapter } = await runJob([fails('transient'), fails('transient'), answers('x')]);
    expect(trail(record)).toEqual(['1 small failed transient', '2 small failed transient', '3 large completed -']);
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-small', 'upstream-large']);
    const [, second] = record.attempts;
    // The waiting time of the second attempt holds its backoff of at least 100 ms.
    expect(second?.waitedMs).toBeGreaterThanOrEqual(95);
    expect(record.attempts[0]?.error).toEqual({
      code: 'upstream',
      message: 'upstream: transient',
      class: 'transient',
      providerStatus: 500,
      param: null,
    });
  });

  it('transient: one that passes is retried on the same candidate', async () => {
    const { record } = await followedBy('transient');
    expect(trail(record)).toEqual(['1 small failed transient', '2 small completed -']);
  });

  it('rate_limited: the next candidate', async () => {
    const { record } = await followedBy('rate_limited');
    expect(trail(record)).toEqual(['1 small failed rate_limited', '2 large completed -']);
  });

  it('rate_limited everywhere: waits as long as the provider asked, and uses up no attempt', async () => {
    const limited = fails('rate_limited', { retryAfterMs: 1_500 });
    const { record, adapter } = await runJob([limited, limited, limited, limited, answers('x')], {
      plan: { maxAttempts: 1 },
    });
    // Which of the two is asked again first is a matter of milliseconds.
    expect(trail(record).map((line) => line.replace(/small|large/, 'one'))).toEqual([
      ...[1, 2, 3, 4].map((n) => `${n} one failed rate_limited`),
      '5 one completed -',
    ]);
    expect(record.attempts[2]?.waitedMs).toBeGreaterThanOrEqual(1_000);
    expect(record.attempts[4]?.waitedMs).toBeGreaterThanOrEqual(1_000);
    expect(record.costNano).toBe(COST_OF_USAGE);
    expect(adapter.calls).toHaveLength(5);
  });

  it('context_overflow: only a candidate with a larger window', async () => {
    const candidates = ['small', 'tiny', 'large'].map((id) => ({ model: id, provider: 'acme', pool: 'acme' }));
    const models = [
      model('small'),
      model('tiny', { contextTokens: 4_000 }),
      model('large', { contextTokens: 100_000 }),
    ];
    const { record } = await runJob(
      [fails('context_overflow'), answers('x')],
      { plan: { candidates } },
      { content: registryContent({ models }) },
    );
    expect(trail(record)).toEqual(['1 small failed context_overflow', '2 large completed -']);
  });

  it('context_overflow: a candidate is as large as its servers tell', async () => {
    const candidates = ['small', 'large', 'largest'].map((id) => ({ model: id, provider: 'acme', pool: 'acme' }));
    const models = ['large', 'largest'].map((id) => model(id, { contextTokens: 100_000 }));
    const { record } = await runJob(
      [fails('context_overflow'), answers('x')],
      { plan: { candidates } },
      { content: registryContent({ models: [model('small'), ...models] }), discovered: new Map([['large', 4_000]]) },
    );
    expect(trail(record)).toEqual(['1 small failed context_overflow', '2 largest completed -']);
  });

  it('context_overflow: with no larger candidate left the job fails with it', async () => {
    const { record } = await runJob([fails('context_overflow'), fails('context_overflow'), answers('never')]);
    expect(trail(record)).toEqual(['1 small failed context_overflow', '2 large failed context_overflow']);
    expect(record).toMatchObject({ state: 'failed', error: { class: 'context_overflow', code: 'upstream' } });
  });

  it('provider_fault: the next candidate at once', async () => {
    const { record } = await followedBy('provider_fault');
    expect(trail(record)).toEqual(['1 small failed provider_fault', '2 large completed -']);
  });

  it('content_filtered: fails with that reason', async () => {
    const { record } = await followedBy('content_filtered');
    expect(trail(record)).toEqual(['1 small failed content_filtered']);
    expect(record).toMatchObject({ state: 'failed', error: { class: 'content_filtered' }, result: null });
  });

  it('content_filtered: goes to the next candidate when the policy says so', async () => {
    const { record } = await followedBy('content_filtered', { plan: { onContentFilter: 'next' } });
    expect(trail(record)).toEqual(['1 small failed content_filtered', '2 large completed -']);
  });

  it('invalid_request: fails at once with the provider’s own words', async () => {
    const wrong = fails('invalid_request', { status: 400, code: 'unknown_parameter', param: 'top_q' });
    const { record } = await runJob([wrong, answers('never')]);
    expect(record).toMatchObject({
      state: 'failed',
      error: {
        code: 'unknown_parameter',
        message: 'upstream: invalid_request',
        class: 'invalid_request',
        providerStatus: 400,
        param: 'top_q',
      },
      costNano: 0,
    });
    expect(record.attempts).toHaveLength(1);
  });

  it('of our own is a transient one without its internals', async () => {
    const bug: Turn = () => {
      throw new TypeError('secret detail');
    };
    const { record } = await runJob([bug, answers('x')]);
    expect(trail(record)).toEqual(['1 small failed transient', '2 small completed -']);
    expect(record.attempts[0]?.error?.code).toBe('internal_error');
    expect(JSON.stringify(record)).not.toContain('secret detail');
  });

  it('of every candidate ends the job with the last one’s error', async () => {
    const { record } = await runJob([
      fails('provider_fault', { code: 'first' }),
      fails('provider_fault', { code: 'last' }),
    ]);
    expect(record).toMatchObject({ state: 'failed', error: { code: 'last' }, model: 'large' });
  });

  it.each([1, 2, 3])('is not tried again beyond max_attempts: %d', async (maxAttempts) => {
    const { record, adapter } = await runJob([fails('transient')], { plan: { maxAttempts } });
    expect(adapter.calls).toHaveLength(maxAttempts);
    expect(record).toMatchObject({ state: 'failed', error: { class: 'transient' } });
    expect(record.attempts).toHaveLength(maxAttempts);
  });

  it('of one candidate’s pool hops to the other’s, to the front of it: its turn had come', async () => {
    const content = registryContent({
      providers: [provider('one'), provider('two')],
      models: [model('small', { provider: 'one' }), model('large', { provider: 'two' })],
    });
    const candidates = [
      { model: 'small', provider: 'one', pool: 'one' },
      { model: 'large', provider: 'two', pool: 'two' },
    ];
    const adapter = new ScriptedAdapter([fails('provider_fault'), answers('x')]);
    await startWorkerRig(fixture, { adapter, content, served: ['one'] });
    await fixture.redis.hset(keys.poolOrder('two'), 'virtual_time', 70);
    const job = await submit(fixture, newJob({ priority: 'low', plan: { candidates } }));
    const hopped = await waitFor(() => fixture.queues.queueOf('two').getJob(`${answerCallId(job.id)}.2`), {
      describe: 'the attempt in the other pool',
    });
    expect(hopped.opts.priority).toBe(70);
    expect(hopped.data).toEqual({ jobId: job.id, callId: answerCallId(job.id), attempt: 2 });
    await startWorkerRig(fixture, { adapter, content, served: ['two'] });
    expect(trail(await ended(fixture, job))).toEqual(['1 small failed provider_fault', '2 large completed -']);
  });
});

describe('a stream', () => {
  it('that fails before its first content fails over unseen', async () => {
    const silent: Turn = (call) => {
      call.onDelta?.({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }], envelope: { id: 'dead' } });
      return fails('provider_fault')(call);
    };
    const adapter = new ScriptedAdapter([silent, streams(['It', '.'], answers('It.'))]);
    await startWorkerRig(fixture, { adapter });
    const job = await submitSyncStream();
    expect((await ended(fixture, job)).state).toBe('completed');
    const types = await eventTypes(job);
    expect(types).not.toContain('output.reset');
    const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
    const deltas = entries.filter(([, fields]) => fields[1] === 'output.delta');
    expect(deltas.map(([, fields]) => (JSON.parse(fields[3] ?? '{}') as { attempt: number }).attempt)).not.toContain(1);
    expect(JSON.stringify(entries)).not.toContain('dead');
  });

  it('that a client reads and that fails after its first content ends the job: another answer cannot be given', async () => {
    const adapter = new ScriptedAdapter([streams(['It'], fails('transient')), answers('never')]);
    await startWorkerRig(fixture, { adapter });
    const job = await submitSyncStream();
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'failed', error: { code: 'stream_interrupted', class: 'transient' } });
    expect(record.attempts).toMatchObject([{ usageEstimated: true, usage: { outputTokens: 1 } }]);
    expect(adapter.calls).toHaveLength(1);
  });

  it('of an asynchronous job that fails after its first content is made void and begun anew', async () => {
    const { record, job } = await runJob(
      [streams(['It'], fails('provider_fault')), streams(['Good'], answers('Good'))],
      streaming,
    );
    expect(record.state).toBe('completed');
    expect(await eventTypes(job)).toEqual([
      ...['job.queued', 'job.started', 'attempt.started', 'output.delta', 'attempt.failed', 'output.reset'],
      ...['attempt.started', 'output.delta', 'job.completed'],
    ]);
  });

  it('has every piece in its events, in order, before the end', async () => {
    const pieces = Array.from({ length: 200 }, (_, i) => `${i} `);
    const slowly: Turn = async (call) => {
      for (const content of pieces) {
        call.onDelta?.({ choices: [{ index: 0, delta: { content } }], envelope: { id: 'c' } });
        await new Promise((resolve) => setImmediate(resolve));
      }
      return answers(pieces.join(''))(call);
    };
    const { job } = await runJob([slowly], streaming);
    const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
    interface Delta {
      choices: { delta: { content?: string } }[];
    }
    const text = entries
      .filter(([, fields]) => fields[1] === 'output.delta')
      .flatMap(([, fields]) => (JSON.parse(fields[3] ?? '{}') as Delta).choices.map(({ delta }) => delta.content ?? ''))
      .join('');
    expect(text).toBe(pieces.join(''));
    expect(entries.at(-1)?.[1][1]).toBe('job.completed');
  });

  it('that Redis refuses to take fails as a transient fault of ours and is tried again', async () => {
    const whenFull: Turn = async (call) => {
      await fixture.redis.config('SET', 'maxmemory', '1');
      call.onDelta?.({ choices: [{ index: 0, delta: { content: 'lost' } }], envelope: {} });
      try {
        return await hangs(call);
      } finally {
        await fixture.redis.config('SET', 'maxmemory', '0');
      }
    };
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([whenFull, answers('x')]) });
    const job = await submit(fixture, newJob(streaming));
    const state = async () => (await fixture.store.read(job.id))?.state;
    await waitFor(async () => (await state()) === 'completed', { describe: 'the answer' });
    const record = await ended(fixture, job);
    expect(trail(record)).toEqual(['1 small failed transient', '2 small completed -']);
    expect(record.attempts[0]?.error?.code).toBe('internal_error');
  });
});

describe('a worker that shuts down', () => {
  const giveBack = async (rig: WorkerRig): Promise<void> => {
    // What `close` does by itself when the drain time is over.
    rig.running.stopAll('shutdown');
    await rig.supervisor.close();
  };

  it('gives its work back: another worker goes on, and no attempt is used', async () => {
    const first = new ScriptedAdapter([fails('provider_fault'), hangs]);
    const rig = await startWorkerRig(fixture, { adapter: first });
    const job = await submit(fixture, newJob({ plan: { maxAttempts: 2 } }));
    await waitFor(() => first.calls.length === 2, { describe: 'the second call' });
    const call = () => fixture.redis.hmget(keys.call(answerCallId(job.id)), 'index', 'used', 'tries', 'crashes');
    const before = await call();
    await giveBack(rig);
    expect(await call()).toEqual(before);
    expect(first.calls[1]?.signal.aborted).toBe(true);
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([answers('x')]) });
    expect(trail(await ended(fixture, job))).toEqual(['1 small failed provider_fault', '3 large completed -']);
  });

  it('ends a synchronous stream that had sent content', async () => {
    const adapter = new ScriptedAdapter([streams(['It'], hangs)]);
    const rig = await startWorkerRig(fixture, { adapter });
    const job = await submitSyncStream();
    await waitFor(() => fixture.redis.hget(keys.call(answerCallId(job.id)), 'streamed'), { describe: 'content' });
    await giveBack(rig);
    expect(await ended(fixture, job)).toMatchObject({ state: 'failed', error: { code: 'stream_interrupted' } });
  });

  it('ends what has its answer already with it: it is paid for once', async () => {
    const started = Promise.withResolvers<WorkerRig>();
    const late: Turn = async (call) => {
      (await started.promise).running.stopAll('shutdown');
      expect(call.signal.aborted).toBe(true);
      return answers('whole')(call);
    };
    const adapter = new ScriptedAdapter([late]);
    started.resolve(await startWorkerRig(fixture, { adapter }));
    const record = await ended(fixture, await submit(fixture, newJob()));
    expect(trail(record)).toEqual(['1 small completed -']);
    expect(record.costNano).toBe(COST_OF_USAGE);
    expect(adapter.calls).toHaveLength(1);
  });

  it('makes void what an asynchronous one had streamed', async () => {
    const adapter = new ScriptedAdapter([streams(['It'], hangs)]);
    const rig = await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob(streaming));
    await waitFor(() => fixture.redis.hget(keys.call(answerCallId(job.id)), 'streamed'), { describe: 'content' });
    await giveBack(rig);
    expect((await eventTypes(job)).at(-1)).toBe('output.reset');
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([answers('x')]) });
    expect((await ended(fixture, job)).state).toBe('completed');
  });
});

describe('what is gone meanwhile', () => {
  it('a model that was removed from the registry: the next candidate', async () => {
    const content = registryContent({ models: [model('large')] });
    const { record, adapter } = await runJob([answers('x')], {}, { content });
    expect(trail(record)).toEqual(['1 small failed provider_fault', '2 large completed -']);
    expect(record.attempts[0]?.error?.code).toBe('model_unavailable');
    expect(adapter.asked).toEqual(['upstream-large']);
  });

  it('every model: the job fails and says so', async () => {
    const { record, adapter } = await runJob([], {}, { content: registryContent({ models: [] }) });
    expect(record).toMatchObject({ state: 'failed', error: { code: 'model_unavailable', class: 'provider_fault' } });
    expect(adapter.calls).toEqual([]);
  });

  it('a model removed while its call runs still answers, and costs what it cost when it was called', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    const rig = await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob());
    await waitFor(() => gate.waiting === 1, { describe: 'the call' });
    await rig.publish(registryContent({ models: [model('large')] }));
    await waitFor(() => rig.registry.current.model('small') === undefined, { describe: 'the second version' });
    gate.open();
    expect(await ended(fixture, job)).toMatchObject({ state: 'completed', model: 'small', costNano: COST_OF_USAGE });
  });

  it('a credential that this worker cannot read: the next candidate, and no secret or call', async () => {
    const content = registryContent({
      providers: [provider('locked', { credential: { source: 'env', name: 'LOCKED_KEY' } }), provider('bolt')],
      models: [model('small', { provider: 'locked' }), model('large')],
    });
    const candidates = [
      { model: 'small', provider: 'locked', pool: 'locked' },
      { model: 'large', provider: 'bolt', pool: 'bolt' },
    ];
    const { record, adapter } = await runJob([answers('x')], { plan: { candidates } }, { content });
    expect(trail(record)).toEqual(['2 large completed -']);
    expect(adapter.asked).toEqual(['upstream-large']);
  });

  it('a credential that it can read is sent, and is on no record, event or queue', async () => {
    const secret = 'canary-5f1d2c';
    const content = registryContent({
      providers: [provider('acme', { credential: { source: 'env', name: 'ACME_KEY' } })],
    });
    const turns = [fails('transient'), answers('x')];
    const { adapter } = await runJob(turns, streaming, { content, env: { ACME_KEY: secret } });
    expect(adapter.calls.map((call) => call.credential)).toEqual([secret, secret]);
    const everything = JSON.stringify(await fixture.snapshot());
    expect(everything).toContain('upstream: transient');
    expect(everything).not.toContain('canary');
  });
});
