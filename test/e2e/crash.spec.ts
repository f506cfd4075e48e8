import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Stack, type StackProcess, startStack } from '#testing/stack.js';
import {
  allEvents,
  answerOf,
  ask,
  chat,
  chatJob,
  contentOf,
  ENDED,
  eventsOf,
  post,
  read,
  SimulatorControl,
  untilState,
} from './doors.js';

/** Locks last 8 s and are looked at every 3 s; the rest is the shared machine. */
const RECOVERY_MS = 16_000;

let stack: Stack;
let simulator: SimulatorControl;

beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  simulator = new SimulatorControl(stack.simulatorUrl);
}, 60_000);

afterAll(async () => {
  await stack.stop();
});

beforeEach(async () => {
  await simulator.reset();
});

/** The only worker that runs, and by that the one that has the next job. */
function onlyWorker(): StackProcess {
  const [worker, ...others] = stack.workers.filter((one) => one.isRunning());
  expect(others).toEqual([]);
  if (worker === undefined) throw new Error('no worker runs');
  return worker;
}

describe('a worker that is killed', () => {
  it('in the middle of a stream: another finishes the job once, and readers are told to forget what they have', async () => {
    await simulator.arm({ fault: { kind: 'stall', after_chunks: 4 }, times: 1 });
    const job = await post(stack.url, chatJob({ request: { stream: true } }));
    const plain = await post(stack.url, chatJob({}, { ttft_ms: 4_000 }));
    const doomed = onlyWorker();
    const live = eventsOf(`${stack.url}${job.urls.events}`);
    const seen = [];
    for await (const event of live) {
      seen.push(event);
      if (event.type !== 'output.delta') continue;
      if (doomed.isRunning()) {
        await simulator.until(({ in_flight }) => in_flight === 2);
        await stack.startWorker();
        await doomed.kill();
      }
    }
    const killedAt = performance.now();
    const ended = await read(stack.url, job.id);
    expect(ended).toMatchObject({ state: 'completed', attempts: [{ n: 1, state: 'completed' }] });

    const types = seen.map(({ type }) => type);
    expect(types.filter((type) => type === 'attempt.started')).toHaveLength(2);
    expect(seen.filter(({ type }) => type === 'output.reset').map(({ data }) => data)).toEqual([
      { attempt: 1, reason: 'worker_crash' },
    ]);
    expect(types.filter((type) => type.startsWith('job.'))).toEqual(['job.queued', 'job.started', 'job.completed']);
    expect(contentOf(seen)).toBe(answerOf(ended));
    expect(seen).toEqual(await allEvents(`${stack.apis[1]?.url ?? ''}${job.urls.events}`));

    const other = await untilState(stack.url, plain.id, ENDED, RECOVERY_MS - (performance.now() - killedAt));
    expect(other).toMatchObject({ state: 'completed', attempts: [{ n: 1, state: 'completed' }] });
    // Two calls were lost with the worker, and each was made once more.
    expect((await simulator.counters()).requests).toBe(4);
  }, 60_000);
});

describe('a worker that is told to stop', () => {
  it('finishes what it runs first, and exits with 0', async () => {
    const job = await post(stack.url, chatJob({}, { ttft_ms: 1_200 }));
    await simulator.until(({ in_flight }) => in_flight === 1);
    const leaving = onlyWorker();
    await stack.startWorker();
    expect(await leaving.stop()).toEqual({ code: 0, signal: null });
    expect(await read(stack.url, job.id)).toMatchObject({
      state: 'completed',
      attempts: [{ n: 1, state: 'completed' }],
    });
    expect((await simulator.counters()).requests).toBe(1);
  }, 30_000);

  it('gives back what takes too long, uses up no attempt by that, and exits with 0', async () => {
    await simulator.arm({ fault: { kind: 'hang' }, times: 1 });
    const job = await post(stack.url, chatJob({ policy: { max_attempts: 1 } }));
    await simulator.until(({ in_flight }) => in_flight === 1);
    const leaving = onlyWorker();
    await stack.startWorker();
    expect(await leaving.stop()).toEqual({ code: 0, signal: null });
    const ended = await untilState(stack.url, job.id, ENDED);
    expect(ended).toMatchObject({ state: 'completed', attempts: [{ n: 2, state: 'completed' }] });
    expect(await simulator.counters()).toMatchObject({ requests: 2, aborted: 1, sent: 1 });
  }, 40_000);
});

describe('an API process', () => {
  it('that is killed right after its 202 has lost nothing', async () => {
    const doomed = await stack.startApi();
    const job = await post(doomed.url, chatJob({}, { ttft_ms: 300 }));
    await doomed.kill();
    expect((await untilState(stack.url, job.id, ENDED)).state).toBe('completed');
  });

  it('that is told to stop answers who waits, lets its readers resume elsewhere, and exits with 0', async () => {
    const leaving = await stack.startApi();
    const streamed = await post(
      leaving.url,
      chatJob({ request: { stream: true } }, { tokens_per_second: 10, output_tokens: 60 }),
    );
    const before: number[] = [];
    const reading = (async () => {
      for await (const { id } of eventsOf(`${leaving.url}${streamed.urls.events}`)) before.push(id);
    })().catch(() => undefined);
    const waiting = ask(`${leaving.url}/v1/chat/completions`, { body: chat({ simulator: { ttft_ms: 1_000 } }) });
    await simulator.until(({ in_flight }) => in_flight === 2);

    const exit = leaving.stop();
    expect((await waiting).status).toBe(200);
    expect(await exit).toEqual({ code: 0, signal: null });
    await reading;
    const after = await allEvents(`${stack.url}${streamed.urls.events}`, {
      'last-event-id': String(before.at(-1) ?? 0),
    });
    expect(after.at(-1)?.type).toBe('job.completed');
    const ids = [...before, ...after.map(({ id }) => id)];
    expect(ids).toEqual(ids.map((_, i) => i + 1));
  }, 30_000);
});

describe('every process', () => {
  it('may be restarted while a job waits, and the job runs when its time has come', async () => {
    const job = await post(stack.url, chatJob({ not_before: new Date(Date.now() + 3_000).toISOString() }));
    const running = [...stack.apis, ...stack.workers].filter((one) => one.isRunning());
    const exits = await Promise.all(running.map((one) => one.stop()));
    expect(exits).toEqual(running.map(() => ({ code: 0, signal: null })));
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    expect((await untilState(api.url, job.id, ENDED)).state).toBe('completed');
  }, 40_000);
});
