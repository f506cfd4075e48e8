import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import {
  ask,
  chat,
  chatJob,
  ENDED,
  footprint,
  type Job,
  type Json,
  post,
  SimulatorControl,
  untilState,
} from './doors.js';

/** A job is first looked at after 15 s; the reconciler comes by every two. */
const LOOK_MS = 25_000;

let stack: Stack;
let simulator: SimulatorControl;

beforeAll(async () => {
  stack = await startStack({ apis: 2, appendfsync: 'no', config: withNarrowPool });
  simulator = new SimulatorControl(stack.simulatorUrl);
  await simulator.reset();
});

afterAll(async () => {
  await stack.stop();
});

/** One more model, in a pool of its own that runs one attempt at a time. */
function withNarrowPool(simulatorUrl: string): StackConfig {
  const config = simulatorConfig(simulatorUrl) as { models: Json[] } & StackConfig;
  return {
    ...config,
    models: [...config.models, { ...config.models[0], id: 'narrow', weight: 0, limits: { concurrency: 1 } }],
  };
}

it('cancels what a client waited for at an API process that was killed, running or queued, and nothing else', async () => {
  const [api, doomed] = stack.apis;
  if (api === undefined || doomed === undefined) throw new Error('two API processes are needed');
  const hang = { simulator: { fault: { kind: 'hang' } } };
  const cut = (path: string, body: Json, headers: Record<string, string> = {}): Promise<unknown> =>
    ask(`${doomed.url}${path}`, { body, headers }).catch(() => 'cut off');

  const blocker = await post(doomed.url, chatJob({ request: { ...hang, model: 'narrow' } }));
  await simulator.until(({ in_flight }) => in_flight === 1);
  const running = cut('/v1/chat/completions', chat(hang));
  const queued = cut('/v1/chat/completions', chat({ model: 'narrow' }));
  const withKey = cut('/v1/chat/completions', chat({ simulator: { ttft_ms: 5_000 } }), { 'idempotency-key': 'kept' });
  await simulator.until(({ in_flight }) => in_flight === 3);
  const ids = await waitFor(async () => {
    const found = await unfinishedIds();
    return found.length === 4 && found;
  });

  await doomed.kill();
  expect(await Promise.all([running, queued, withKey])).toEqual(['cut off', 'cut off', 'cut off']);

  // The key lets the client come back for its answer, on any process.
  const again = await ask(`${api.url}/v1/chat/completions`, {
    body: chat({ simulator: { ttft_ms: 5_000 } }),
    headers: { 'idempotency-key': 'kept' },
  });
  expect({ status: again.status, replayed: again.headers.get('idempotent-replayed') }).toEqual({
    status: 200,
    replayed: 'true',
  });

  const orphans = ids.filter((id) => id !== blocker.id && id !== again.headers.get('x-tokenhub-job-id'));
  const ended: Job[] = [];
  for (const id of orphans) ended.push(await untilState(api.url, id, ENDED, LOOK_MS));
  expect(ended.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
  // The running call was dropped, and the queued one never made.
  expect(await simulator.until(({ aborted }) => aborted === 1)).toMatchObject({ requests: 3, in_flight: 1 });
  expect(await unfinishedIds()).toEqual([blocker.id]);
  await ask(`${api.url}${blocker.urls.cancel}`, { method: 'POST' });
});

async function unfinishedIds(): Promise<string[]> {
  const keys = Object.keys(await footprint(stack.redis.url));
  const ids = keys.flatMap((key) => /^\{th\}:job:(job_\w+)$/.exec(key)?.[1] ?? []);
  const jobs = await Promise.all(ids.map((id) => ask<Job>(`${stack.url}/v1/jobs/${id}`)));
  return jobs.filter(({ body }) => !ENDED.includes(body.state)).map(({ body }) => body.id);
}
