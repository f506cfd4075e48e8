import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StackConfig } from '#testing/simulator-config.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ask, chatJob, post, read, SimulatorControl, type Job } from './doors.js';

const LIMITS = { rpm: 300, tpm: 60_000 };
let stack: Stack;
let simulator: SimulatorControl;

const config = (simulatorUrl: string): StackConfig => {
  const provider = { type: 'openai', base_url: simulatorUrl, credential: { source: 'none' } };
  return {
    providers: [
      { ...provider, id: 'window', limits: LIMITS },
      { ...provider, id: 'slow', limits: { rpm: 6 } },
    ],
    models: [
      { id: 'window', provider: 'window', max_output_tokens: 100_000 },
      { id: 'slow', provider: 'slow' },
    ],
  };
};

beforeAll(async () => {
  stack = await startStack({ appendfsync: 'no', workers: 3, config });
  simulator = new SimulatorControl(stack.simulatorUrl);
});

beforeEach(() => simulator.reset());

afterAll(async () => {
  await stack.stop();
});

async function setLimits(limits: object): Promise<void> {
  const answer = await fetch(`${stack.simulatorUrl}/_control/settings`, {
    method: 'PUT',
    body: JSON.stringify({ limits }),
  });
  expect(answer.status).toBe(200);
}

async function refused(): Promise<number> {
  const seen = (await (await fetch(`${stack.simulatorUrl}/_control/seen?limit=0`)).json()) as {
    counters: { limits: { refused: number } };
  };
  return seen.counters.limits.refused;
}

const job = (model: string, max_tokens = 10) => chatJob({ request: { model, max_tokens } });

describe('limits of a provider', () => {
  // The long form, with the share of the limit that is used, is a part of `npm run bench`.
  it.each(['token_bucket', 'sliding_window'])(
    'are kept by three workers against a %s: no request is refused upstream',
    async (algorithm) => {
      // An eighth of a minute's worth, all at once, of a provider that allows no burst beyond that.
      await setLimits({ ...LIMITS, algorithm, ...(algorithm === 'token_bucket' && { burst: 0.05 }) });
      const jobs = await Promise.all(
        Array.from({ length: 40 }, (_, i) => post(stack.url, job('window', i % 8 === 0 ? 1_200 : 60))),
      );
      for (const { id } of jobs) {
        const ended = await waitFor(
          async () => {
            const one = await read(stack.url, id);
            return one.state === 'completed' && one;
          },
          { describe: `${id} to be completed` },
        );
        expect(ended.attempts).toHaveLength(1);
      }
      expect(await refused()).toBe(0);
    },
  );

  it('show a job that waits for them its place, and when it may be served', async () => {
    const jobs: Job[] = [];
    for (let i = 0; i < 4; i++) jobs.push(await post(stack.url, job('slow')));
    // One runs, one is held by a worker until it is due: the others are in the queue, or wait there for their time.
    const queued = await waitFor(
      async () => {
        const all = await Promise.all(jobs.map(({ id }) => read(stack.url, id)));
        return all.find(({ estimated_start_at: at }) => typeof at === 'string');
      },
      { describe: 'an estimate' },
    );
    expect(queued.state).toBe('queued');
    expect(Date.parse(String(queued.estimated_start_at))).toBeGreaterThan(Date.now());
    for (const { urls } of jobs) await ask(`${stack.url}${urls.cancel}`, { method: 'POST' });
  });

  it('that a job alone is beyond are a clear error, not an eternal wait', async () => {
    const { status, body } = await ask(`${stack.url}/v1/jobs`, { body: job('window', 60_001) });
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'no_eligible_model' });
    expect(body.detail).toContain('The request counts 60001 tokens at once, and its tpm limit is 60000.');
  });
});
