import { Agent, request } from 'undici';
import { median, percentile, table } from './measure.ts';
import type { Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const WARM_UP = 300;
const SAMPLES = 2_000;

/** Added latency at one connection: direct, through the bare pipeline and through Tokenhub in turn; medians of the differences. */
export async function addedLatency(rig: Rig): Promise<string> {
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  const post = async (url: string): Promise<number> => {
    const startedAt = performance.now();
    const { body, statusCode } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: CHAT,
      dispatcher,
    });
    await body.text();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
    return performance.now() - startedAt;
  };
  const direct: number[] = [];
  const bare: number[] = [];
  const tokenhub: number[] = [];
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    const directMs = await post(`${rig.upstreamUrl}/v1/chat/completions`);
    const bareMs = await post(rig.bareUrl);
    const tokenhubMs = await post(`${rig.tokenhubUrl}/v1/chat/completions`);
    if (i < WARM_UP) continue;
    direct.push(directMs);
    bare.push(bareMs - directMs);
    tokenhub.push(tokenhubMs - directMs);
  }
  await dispatcher.close();
  const row = (name: string, values: number[]): string[] => [
    name,
    median(values).toFixed(3),
    percentile(values, 0.9).toFixed(3),
    percentile(values, 0.99).toFixed(3),
  ];
  return [
    `## Added latency: one connection, ${SAMPLES} interleaved triples, milliseconds above a direct call\n`,
    table(
      ['pipeline', 'median', 'p90', 'p99'],
      [row('direct (itself)', direct), row('bare', bare), row('tokenhub', tokenhub)],
    ),
    `\nRatio of medians: ${(median(tokenhub) / median(bare)).toFixed(2)}; wanted: at most 3\n`,
  ].join('\n');
}
