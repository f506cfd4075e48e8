import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '#testing/stack.js';
import {
  allEvents,
  answerOf,
  chatJob,
  contentOf,
  ENDED,
  eventsOf,
  post,
  read,
  SimulatorControl,
  untilState,
  onlyWorker,
} from './doors.js';

/** Locks last 8 s and are looked at every 3 s; the rest is the shared machine. */
const RECOVERY_MS = 16_000;

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

describe('a worker that is killed', () => {
  it('in the middle of a stream: another finishes the job once, and readers are told to forget what they have', async () => {
    await simulator.arm({ fault: { kind: 'stall', after_chunks: 4 }, times: 1 });
    const job = await post(stack.url, chatJob({ request: { stream: true } }));
    await simulator.until(({ in_flight }) => in_flight === 1);
    await simulator.arm({ fault: { kind: 'hang' }, times: 1 });
    const plain = await post(stack.url, chatJob());
    const doomed = onlyWorker(stack);
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
  });
});

describe('an API process', () => {
  it('that is killed right after its 202 has lost nothing', async () => {
    const doomed = await stack.startApi();
    const job = await post(doomed.url, chatJob({}, { ttft_ms: 300 }));
    await doomed.kill();
    expect((await untilState(stack.url, job.id, ENDED)).state).toBe('completed');
  });
});
