import { Agent, request } from 'undici';
import { percentile, table } from './measure.ts';
import type { Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const PROMPT_BYTES = 200_000;
const SENTENCE = 'The quick brown fox jumps over the lazy dog, and nobody in the queue minds waiting for it. ';

/** Small requests while prompts of 200 kB are counted: one after the other on two connections, beside one connection of large ones. */
export async function countingPauses(rig: Rig, options: { seconds: number }): Promise<string> {
  const prompts = {
    none: null,
    prose: SENTENCE.repeat(Math.ceil(PROMPT_BYTES / SENTENCE.length)).slice(0, PROMPT_BYTES),
    'one character repeated': 'a'.repeat(PROMPT_BYTES),
  };
  const rows: string[][] = [];
  for (const [name, prompt] of Object.entries(prompts))
    rows.push(await measure(rig, { name, prompt, seconds: options.seconds }));
  return [
    `## Small requests while a 200 kB prompt is counted (${options.seconds} s each)\n`,
    table(['large prompt', 'large requests', 'small requests', 'small p50 ms', 'small p99 ms', 'small max ms'], rows),
    '\nWanted: p99 under 50 ms\n',
  ].join('\n');
}

async function measure(rig: Rig, run: { name: string; prompt: string | null; seconds: number }): Promise<string[]> {
  const url = `${rig.tokenhubUrl}/v1/chat/completions`;
  const dispatcher = new Agent({ connections: null, pipelining: 1 });
  const post = async (body: string): Promise<number> => {
    const startedAt = performance.now();
    const answer = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      dispatcher,
    });
    await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
    return performance.now() - startedAt;
  };
  const until = performance.now() + run.seconds * 1_000;
  const repeat = async (body: string): Promise<number[]> => {
    const times: number[] = [];
    while (performance.now() < until) times.push(await post(body));
    return times;
  };
  const large =
    run.prompt === null ? null : JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: run.prompt }] });
  const [largeTimes, ...small] = await Promise.all([large === null ? [] : repeat(large), repeat(CHAT), repeat(CHAT)]);
  await dispatcher.close();
  const times = small.flat();
  return [
    run.name,
    String(largeTimes.length),
    String(times.length),
    percentile(times, 0.5).toFixed(1),
    percentile(times, 0.99).toFixed(1),
    Math.max(...times).toFixed(1),
  ];
}
