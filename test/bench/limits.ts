/** Limits under more work than they admit: what the provider counts, and whether it ever had to refuse. */
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { configureSimulator, seenBySimulator, type SimulatorCounters } from './jobs.ts';
import { table } from './measure.ts';

const LIMITS = { rpm: 600, tpm: 400_000 };
const WORKERS = 3;
const WARM_UP_MS = 60_000;
const MEASURED_MS = 120_000;
/** Unfinished jobs that are kept waiting: more than the limits admit for a while. */
const BACKLOG = 400;

/** Three workers against a provider that enforces requests and tokens a minute, as a token bucket and as a sliding window. */
export async function limits(): Promise<string> {
  const rows: string[][] = [];
  for (const algorithm of ['token_bucket', 'sliding_window']) rows.push(await measure(algorithm));
  return [
    `## Limits: ${WORKERS} workers, ${LIMITS.rpm} requests and ${LIMITS.tpm} tokens a minute, jobs of 0.05 to 2 % of the tokens, ${MEASURED_MS / 1_000} s after the first minute\n`,
    table(['provider enforces', 'jobs', 'upstream 429s', 'of the token limit', 'of the request limit'], rows),
    '\nWanted: no 429, at least 95 % of the limit that binds\n',
  ].join('\n');
}

async function measure(algorithm: string): Promise<string[]> {
  const stack = await startStack({ workers: WORKERS, config });
  try {
    await configureSimulator(stack, { ttft_ms: 300, output_tokens: 8, limits: { ...LIMITS, algorithm } });
    const feeder = feed(stack);
    try {
      const startedAt = performance.now();
      const passed = (ms: number) =>
        waitFor(() => performance.now() - startedAt >= ms, { timeoutMs: ms + 10_000, pauseMs: 50 });
      await passed(WARM_UP_MS);
      const [before, from] = [await admitted(stack), performance.now()];
      await passed(WARM_UP_MS + MEASURED_MS);
      const [after, to] = [await admitted(stack), performance.now()];
      const minutes = (to - from) / 60_000;
      const share = (used: number, limit: number): string => `${((100 * used) / (limit * minutes)).toFixed(1)} %`;
      return [
        algorithm.replace('_', ' '),
        String(after.requests),
        String(after.refused),
        share(after.tokens - before.tokens, LIMITS.tpm),
        share(after.requests - before.requests, LIMITS.rpm),
      ];
    } finally {
      await feeder.stop();
    }
  } finally {
    await stack.stop();
  }
}

function config(simulatorUrl: string): Record<string, unknown> {
  return {
    providers: [
      { id: 'limited', type: 'openai', base_url: simulatorUrl, credential: { source: 'none' }, limits: LIMITS },
    ],
    models: [{ id: 'limited', provider: 'limited', max_output_tokens: 100_000 }],
  };
}

async function admitted(stack: Stack): Promise<SimulatorCounters['limits']> {
  return (await seenBySimulator(stack)).counters.limits;
}

/** Keeps a backlog of jobs: as many unfinished ones at any time, of sizes as a seeded generator draws them. */
function feed(stack: Stack): { stop: () => Promise<void> } {
  let isOver = false;
  let seed = 20_261_122;
  const random = (): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  const client = async (): Promise<void> => {
    while (!isOver) {
      // Mostly small, the largest two percent of the limit.
      const max_tokens = Math.round(LIMITS.tpm * (0.0005 + 0.0195 * random() ** 4));
      const request = { model: 'limited', max_tokens, messages: [{ role: 'user', content: 'Say hello' }] };
      const answer = await fetch(`${stack.url}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=60' },
        body: JSON.stringify({ type: 'chat', request }),
      });
      await answer.text();
      if (answer.status >= 300) throw new Error(`a job was answered with ${answer.status}`);
    }
  };
  const clients = Array.from({ length: BACKLOG }, () => client());
  return {
    stop: async () => {
      isOver = true;
      await Promise.allSettled(clients);
    },
  };
}
