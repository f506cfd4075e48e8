import { load, median, processorMeter, table, type LoadResult } from './measure.ts';
import { pidsOf, type Rig } from './rig.ts';

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

const LIMITED_CHAT = JSON.stringify({ ...(JSON.parse(CHAT) as object), model: 'bench-limited' });

/** The pipelines by the names that the table uses; the first is what the others are compared with. */
const PIPELINES = ['bare', 'tokenhub', 'tokenhub, with limits'] as const;
type Pipeline = (typeof PIPELINES)[number];

/** Requests per second at 64 connections, the pipelines in turn; medians, and the ratios round by round. */
export async function throughput(rig: Rig, options: { seconds: number; rounds: number }): Promise<string> {
  const once = async (seconds: number): Promise<Record<Pipeline, Round>> => ({
    bare: await round(rig, { pipeline: 'bare', seconds }),
    tokenhub: await round(rig, { pipeline: 'tokenhub', seconds }),
    'tokenhub, with limits': await round(rig, { pipeline: 'tokenhub, with limits', seconds }),
  });
  await once(3);
  const rounds: Record<Pipeline, Round>[] = [];
  for (let i = 0; i < options.rounds; i++) rounds.push(await once(options.seconds));
  const processes = ['CPU µs per request: api', 'worker', 'redis', 'upstream', 'load'];
  return [
    `## Throughput: POST /v1/chat/completions, ${CONNECTIONS} connections, instant upstream, ${options.rounds} rounds of ${options.seconds} s\n`,
    table(
      ['pipeline', 'requests/s', 'p50 ms', 'p99 ms', 'failed', ...processes],
      PIPELINES.map((name) =>
        row(
          name,
          rounds.map((one) => one[name]),
        ),
      ),
    ),
    '',
    ...PIPELINES.slice(1).map((name) => ratio(name, rounds)),
    '',
  ].join('\n');
}

function ratio(name: Pipeline, rounds: Record<Pipeline, Round>[]): string {
  const ratios = rounds.map((one) => one[name].requestsPerSecond / one.bare.requestsPerSecond);
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(3));
  return `Ratio of requests/s, ${name}: median ${middle} (least ${least}, most ${most}); wanted: at least 0.45`;
}

async function round(rig: Rig, { pipeline, seconds }: { pipeline: Pipeline; seconds: number }): Promise<Round> {
  const isBare = pipeline === 'bare';
  const cpuUs = processorMeter(pidsOf(rig, isBare ? 'bare' : 'tokenhub'));
  const result = await load({
    url: isBare ? rig.bareUrl : `${rig.tokenhubUrl}/v1/chat/completions`,
    bodies: [pipeline === 'tokenhub, with limits' ? LIMITED_CHAT : CHAT],
    connections: CONNECTIONS,
    seconds,
  });
  return { ...result, cpuUs: cpuUs(result.requests) };
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
