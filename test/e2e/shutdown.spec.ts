import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import {
  allEvents,
  ask,
  chat,
  chatJob,
  ENDED,
  eventsOf,
  post,
  read,
  type ServerEvent,
  SimulatorControl,
  untilState,
  onlyWorker,
} from './doors.js';

let stack: Stack;
let simulator: SimulatorControl;

beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  simulator = new SimulatorControl(stack.simulatorUrl);
});

afterAll(async () => {
  await stack.stop();
});

beforeEach(async () => {
  await simulator.reset();
});

describe('a worker that is told to stop', () => {
  it('finishes what it runs first, and exits with 0', async () => {
    const job = await post(stack.url, chatJob({}, { ttft_ms: 1_200 }));
    await simulator.until(({ in_flight }) => in_flight === 1);
    const leaving = onlyWorker(stack);
    await stack.startWorker();
    expect(await leaving.stop()).toEqual({ code: 0, signal: null });
    expect(await read(stack.url, job.id)).toMatchObject({
      state: 'completed',
      attempts: [{ n: 1, state: 'completed' }],
    });
    expect((await simulator.counters()).requests).toBe(1);
  });
});

describe('an API process', () => {
  it('that is told to stop answers who waits and who reads first, takes nobody new, and exits with 0', async () => {
    const leaving = await stack.startApi();
    const simulated = { tokens_per_second: 20, output_tokens: 30 };
    const job = await post(leaving.url, chatJob({ request: { stream: true } }, simulated));
    const reading = allEvents(`${leaving.url}${job.urls.events}`);
    const waiting = ask(`${leaving.url}/v1/chat/completions`, { body: chat({ simulator: { ttft_ms: 1_000 } }) });
    await simulator.until(({ in_flight }) => in_flight === 2);

    const exit = leaving.stop();
    await waitFor(
      () =>
        ask(`${leaving.url}/health`).then(
          () => false,
          () => true,
        ),
      { describe: 'new requests to be refused' },
    );
    expect((await waiting).status).toBe(200);
    expect((await reading).at(-1)?.type).toBe('job.completed');
    expect(await exit).toEqual({ code: 0, signal: null });
  });
});

describe('what outlasts the ten seconds of a shutdown', () => {
  it('is given back by a worker without using up an attempt, and resumed elsewhere by a reader; both exit with 0', async () => {
    await simulator.arm({ fault: { kind: 'hang' }, times: 1 });
    const api = await stack.startApi();
    const job = await post(stack.url, chatJob({ policy: { max_attempts: 1 } }));
    const later = await post(stack.url, chatJob({ not_before: new Date(Date.now() + 3_600_000).toISOString() }));
    await simulator.until(({ in_flight }) => in_flight === 1);
    const seen: ServerEvent[] = [];
    const reader = eventsOf(`${api.url}${later.urls.events}`);
    const first = await reader.next();
    if (!first.done) seen.push(first.value);
    const cutOff = reader.next().catch(() => 'cut off');

    const worker = onlyWorker(stack);
    await stack.startWorker();
    expect(await Promise.all([worker.stop(), api.stop()])).toEqual(Array(2).fill({ code: 0, signal: null }));
    const ended = await untilState(stack.url, job.id, ENDED);
    expect(ended).toMatchObject({ state: 'completed', attempts: [{ n: 2, state: 'completed' }] });
    expect(await simulator.counters()).toMatchObject({ requests: 2, aborted: 1, sent: 1 });

    expect(await cutOff).toBe('cut off');
    await ask(`${stack.url}${later.urls.cancel}`, { method: 'POST' });
    seen.push(...(await allEvents(`${stack.url}${later.urls.events}`, { 'last-event-id': String(seen.at(-1)?.id) })));
    expect(seen.map(({ id, type }) => `${id} ${type}`)).toEqual(['1 job.queued', '2 job.cancelled']);
  });
});

describe('every process', () => {
  it('may be restarted while a job waits, and the job runs when its time has come', async () => {
    const job = await post(stack.url, chatJob({ not_before: new Date(Date.now() + 3_000).toISOString() }));
    const running = [...stack.apis, ...stack.workers].filter((one) => one.isRunning());
    const exits = await Promise.all(running.map((one) => one.stop()));
    expect(exits).toEqual(running.map(() => ({ code: 0, signal: null })));
    const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
    expect((await untilState(api.url, job.id, ENDED)).state).toBe('completed');
  });
});

describe('without Redis', () => {
  // Last in this file: Redis does not come back.
  it('processes that are told to stop end by themselves within their bound', async () => {
    const running = [...stack.apis, ...stack.workers].filter((one) => one.isRunning());
    expect(running.length).toBeGreaterThan(1);
    await stack.redis.kill();
    const exits = await Promise.all(running.map((one) => one.stop(25_000)));
    expect(exits.map(({ signal }) => signal)).toEqual(running.map(() => null));
  });
});
