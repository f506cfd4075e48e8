import { Agent, request } from 'undici';
import { median, percentile, table } from './measure.ts';
import type { Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const WARM_UP = 300;
const SAMPLES = 2_000;

const CLAUDE_CHAT = JSON.stringify({ ...(JSON.parse(CHAT) as object), model: 'bench-claude' });
const CLAUDE_DIRECT = JSON.stringify({
  model: 'bench',
  max_tokens: 4_096,
  messages: [{ role: 'user', content: 'Say something short about queues.' }],
});

/**
 * Added latency at one connection: direct, through the bare pipeline and through Tokenhub in turn, to OpenAI's protocol and to
 * Anthropic's; medians of the differences.
 */
export async function addedLatency(rig: Rig): Promise<string> {
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  const post = async (url: string, content = CHAT): Promise<number> => {
    const startedAt = performance.now();
    const { body, statusCode } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: content,
      dispatcher,
    });
    await body.text();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
    return performance.now() - startedAt;
  };
  const direct: number[] = [];
  const bare: number[] = [];
  const tokenhub: number[] = [];
  const anthropic: number[] = [];
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    const directMs = await post(`${rig.upstreamUrl}/v1/chat/completions`);
    const bareMs = await post(rig.bareUrl);
    const tokenhubMs = await post(`${rig.tokenhubUrl}/v1/chat/completions`);
    const claudeDirectMs = await post(`${rig.upstreamUrl}/v1/messages`, CLAUDE_DIRECT);
    const claudeMs = await post(`${rig.tokenhubUrl}/v1/chat/completions`, CLAUDE_CHAT);
    if (i < WARM_UP) continue;
    direct.push(directMs);
    bare.push(bareMs - directMs);
    tokenhub.push(tokenhubMs - directMs);
    anthropic.push(claudeMs - claudeDirectMs);
  }
  await dispatcher.close();
  const row = (name: string, values: number[]): string[] => [
    name,
    median(values).toFixed(3),
    percentile(values, 0.9).toFixed(3),
    percentile(values, 0.99).toFixed(3),
  ];
  return [
    `## Added latency: one connection, ${SAMPLES} interleaved rounds, milliseconds above a direct call\n`,
    table(
      ['pipeline', 'median', 'p90', 'p99'],
      [
        row('direct (itself)', direct),
        row('bare', bare),
        row('tokenhub', tokenhub),
        row('tokenhub, Anthropic', anthropic),
      ],
    ),
    `\nRatio of medians: ${(median(tokenhub) / median(bare)).toFixed(2)}; wanted: at most 3`,
    `Anthropic's path against OpenAI's: ${(median(anthropic) / median(tokenhub)).toFixed(2)}; wanted: at most 1.2\n`,
  ].join('\n');
}
