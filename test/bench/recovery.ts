/** How long the jobs of a worker that was killed lie still until another runs them. */
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { cancelJob, configureSimulator, postJobs, resetSimulator, seenBySimulator } from './jobs.ts';
import { median, scaled, table, type BenchOptions } from './measure.ts';

const JOBS = 50;
/** Longer than any recovery: what runs when a worker is killed would not have ended by itself. */
const ANSWER_MS = 120_000;
/** A worker renews its locks every 4 s: rounds kill it at different moments between two renewals. */
const RENEWAL_MS = 4_000;
const PATIENCE_MS = 60_000;

/** Two workers, one of them with every job; that one is killed, again and again, until the other has begun each job anew. */
export async function recovery({ rounds, scale, appendfsync }: BenchOptions): Promise<string> {
  const jobs = scaled(JOBS, scale);
  const stack = await startStack({ appendfsync });
  const rows: string[][] = [];
  const all: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const killAfterMs = Math.round(((round + 0.5) / rounds) * RENEWAL_MS);
      const times = await killBusyWorker(stack, { jobs, killAfterMs });
      all.push(...times);
      rows.push([String(round + 1), String(killAfterMs), seconds(median(times)), seconds(Math.max(...times))]);
    }
  } finally {
    await stack.stop();
  }
  return [
    `## Recovery: the only busy of two workers is killed with ${jobs} jobs in flight; until each runs on the other\n`,
    table(['round', 'killed after ms', 'median s', 'longest s'], rows),
    `\nOver all rounds: median ${seconds(median(all))} s, longest ${seconds(Math.max(...all))} s; wanted: at most 15 s\n`,
  ].join('\n');
}

/** Milliseconds from the kill until the provider was asked again, for each job. */
async function killBusyWorker(stack: Stack, run: { jobs: number; killAfterMs: number }): Promise<number[]> {
  await resetSimulator(stack);
  await configureSimulator(stack, { ttft_ms: ANSWER_MS });
  const busy = stack.workers.find((worker) => worker.isRunning());
  if (busy === undefined) throw new Error('no worker runs');
  const posted = await postJobs(stack, run.jobs, chatJob);
  await untilAsked(stack, run.jobs);
  const askedAt = performance.now();
  await stack.startWorker();
  // From the second worker's start on the moments would follow its clock: these follow the locks of the first.
  await waitFor(() => (performance.now() - askedAt) % RENEWAL_MS >= run.killAfterMs, { timeoutMs: 2 * RENEWAL_MS });
  const killedAt = Date.now();
  await busy.kill();
  await untilAsked(stack, 2 * run.jobs);
  const again = await secondRequests(stack, run.jobs);

  await Promise.all(posted.map(({ id }) => cancelJob(stack, id)));
  await waitFor(async () => (await seenBySimulator(stack)).counters.in_flight === 0, { describe: 'no call in flight' });
  return again.map((at) => at - killedAt);
}

async function untilAsked(stack: Stack, requests: number): Promise<void> {
  await waitFor(async () => (await seenBySimulator(stack)).counters.requests >= requests, {
    timeoutMs: PATIENCE_MS,
    describe: `${requests} requests at the simulator`,
  });
}

/** When the provider was asked for the second time, for each job. */
async function secondRequests(stack: Stack, jobs: number): Promise<number[]> {
  const { requests } = await seenBySimulator(stack, 2 * jobs);
  const times = new Map<string, number[]>();
  for (const { at, body } of requests) {
    const prompt = JSON.stringify((body as { messages: unknown }).messages);
    times.set(prompt, [...(times.get(prompt) ?? []), at]);
  }
  const second = [...times.values()].flatMap(([, at]) => (at === undefined ? [] : [at]));
  if (second.length !== jobs) throw new Error(`${second.length} of ${jobs} jobs were asked for twice`);
  return second;
}

function chatJob(i: number): object {
  return { type: 'chat', request: { model: 'sim-small', messages: [{ role: 'user', content: `Say ${i}` }] } };
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
