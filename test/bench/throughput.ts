import process from 'node:process';
import type { RunningProcess } from '#testing/process-harness.js';
import { load, median, processorTimeUs, table, type LoadResult } from './measure.ts';
import type { Rig } from './rig.ts';

const CONNECTIONS = 64;

export const CHAT = JSON.stringify({
  model: 'bench',
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'Say something short about queues.' },
  ],
});

interface Round extends LoadResult {
  /** Microseconds of processor time per request, by process. */
  cpuUs: Record<string, number>;
}

/** Requests per second at 64 connections, the two pipelines in turn; medians, and the ratio round by round. */
export async function throughput(rig: Rig, options: { seconds: number; rounds: number }): Promise<string> {
  const bare = (seconds: number): Promise<Round> =>
    round(rig, { url: rig.bareUrl, processes: rig.processes.bare, seconds });
  const tokenhub = (seconds: number): Promise<Round> =>
    round(rig, { url: `${rig.tokenhubUrl}/v1/chat/completions`, processes: rig.processes.tokenhub, seconds });
  await bare(3);
  await tokenhub(3);
  const rounds: { bare: Round; tokenhub: Round }[] = [];
  for (let i = 0; i < options.rounds; i++)
    rounds.push({ bare: await bare(options.seconds), tokenhub: await tokenhub(options.seconds) });

  const ratios = rounds.map((one) => one.tokenhub.requestsPerSecond / one.bare.requestsPerSecond);
  return [
    `## Throughput: POST /v1/chat/completions, ${CONNECTIONS} connections, instant upstream, ${options.rounds} rounds of ${options.seconds} s\n`,
    table(
      [
        'pipeline',
        'requests/s',
        'p50 ms',
        'p99 ms',
        'failed',
        'CPU µs per request: api',
        'worker',
        'redis',
        'upstream',
        'load',
      ],
      [
        row(
          'bare',
          rounds.map((one) => one.bare),
        ),
        row(
          'tokenhub',
          rounds.map((one) => one.tokenhub),
        ),
      ],
    ),
    `\nRatio of requests/s: median ${median(ratios).toFixed(3)} (least ${Math.min(...ratios).toFixed(3)}, most ${Math.max(...ratios).toFixed(3)}); wanted: at least 0.45\n`,
  ].join('\n');
}

async function round(
  rig: Rig,
  options: { url: string; processes: Record<string, RunningProcess>; seconds: number },
): Promise<Round> {
  const pids = {
    api: options.processes.api?.pid ?? 0,
    worker: options.processes.worker?.pid ?? 0,
    redis: rig.redis.pid,
    upstream: rig.processes.upstream.pid,
    load: process.pid,
  };
  const before = Object.entries(pids).map(([name, pid]) => [name, processorTimeUs(pid)] as const);
  const result = await load({ url: options.url, body: CHAT, connections: CONNECTIONS, seconds: options.seconds });
  const cpuUs = Object.fromEntries(
    before.map(([name, used]) => [name, (processorTimeUs(pids[name as keyof typeof pids]) - used) / result.requests]),
  );
  return { ...result, cpuUs };
}

function row(name: string, rounds: Round[]): string[] {
  const of = (pick: (one: Round) => number): number => median(rounds.map(pick));
  return [
    name,
    of((one) => one.requestsPerSecond).toFixed(0),
    of((one) => one.p50Ms).toFixed(0),
    of((one) => one.p99Ms).toFixed(0),
    String(rounds.reduce((sum, one) => sum + one.failures, 0)),
    ...['api', 'worker', 'redis', 'upstream', 'load'].map((process) =>
      of((one) => one.cpuUs[process] ?? NaN).toFixed(0),
    ),
  ];
}
