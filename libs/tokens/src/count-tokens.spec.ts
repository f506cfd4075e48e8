import { afterAll, describe, expect, it } from '@jest/globals';
import { get_encoding } from 'tiktoken';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import { TokenCounter } from './count-tokens.js';

const counter = new TokenCounter();
const encoding = get_encoding('o200k_base');
const plain = (text: string): number => encoding.encode_ordinary(text).length;
/** A chat with one message whose content counts nothing: priming, framing, role. */
const FRAME = 3 + 3 + 1;

afterAll(() => {
  counter.dispose();
  encoding.free();
});

/** The example of OpenAI's cookbook "How to count tokens with tiktoken"; the API itself reports 124 for gpt-4o. */
const COOKBOOK = [
  {
    role: 'system',
    content: 'You are a helpful, pattern-following assistant that translates corporate jargon into plain English.',
  },
  { role: 'system', name: 'example_user', content: 'New synergies will help drive top-line growth.' },
  { role: 'system', name: 'example_assistant', content: 'Things working well together will increase revenue.' },
  {
    role: 'system',
    name: 'example_user',
    content: "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
  },
  {
    role: 'system',
    name: 'example_assistant',
    content: "Let's talk later when we're less busy about how to do better.",
  },
  { role: 'user', content: "This late pivot means we don't have time to boil the ocean for the client deliverable." },
];

describe('countText', () => {
  it.each([
    ['', 0],
    ['hello world', 2],
    ['What is the capital of France?', 7],
    ['<|endoftext|>', 7],
    ['\ud83d', 1],
  ])('counts %j as %d', async (text, tokens) => {
    expect(await counter.countText(text)).toBe(tokens);
  });

  it('counts an emoji text that crosses slices as whole characters', async () => {
    const one = plain('😀');
    expect(await counter.countText(`x${'😀'.repeat(5_000)}`)).toBe(plain('x') + 5_000 * one);
  });

  it.each([
    ['one character repeated', 'a'.repeat(200_000)],
    ['prose', 'The quick brown fox jumps over the lazy dog. '.repeat(4_500)],
    ['ideographs', '語彙'.repeat(20_000)],
  ])('lets other work run while it counts 200 kB of %s', async (_name, text) => {
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const tokens = await counter.countText(text);
    done = true;
    expect(tokens).toBeGreaterThan(text.length / 10);
    expect(turns).toBeGreaterThan(1);
  });

  it('takes turns of the same length for ten large texts at once as for one', async () => {
    const text = 'The quick brown fox jumps over the lazy dog. '.repeat(1_000);
    const turnsFor = async (texts: number): Promise<number> => {
      let turns = 0;
      let done = false;
      const turn = (): void => {
        turns++;
        if (!done) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all(Array.from({ length: texts }, () => counter.countText(text)));
      done = true;
      return turns;
    };
    await turnsFor(1);
    let [ofOne, ofTen] = [0, 0];
    for (let round = 0; round < 5; round++) {
      ofOne += await turnsFor(1);
      ofTen += await turnsFor(10);
    }
    // The work is tenfold; were it done side by side, the number of turns would stay the same.
    expect(ofTen).toBeGreaterThan(2 * ofOne);
  });

  it('resolves a small text at once, also while a large one is counted', async () => {
    const large = counter.countText('語彙'.repeat(100_000));
    let turned = false;
    setImmediate(() => (turned = true));
    await counter.countText('What is the capital of France?');
    expect(turned).toBe(false);
    await large;
  });

  it('resolves a small text within the turn it was asked in', async () => {
    let turned = false;
    setImmediate(() => (turned = true));
    await counter.countText('What is the capital of France?');
    expect(turned).toBe(false);
  });

  it('stops with the reason of its signal', async () => {
    const abort = new AbortController();
    const reason = new Error('the client went away');
    const counting = counter.countText('語彙'.repeat(200_000), { signal: abort.signal });
    abort.abort(reason);
    await expect(counting).rejects.toBe(reason);
  });
});

describe('countRequest', () => {
  const image = (detail: string | undefined) => ({
    messages: [
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(9_000)}`, detail } }],
      },
    ],
  });
  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }];
  const schema = { name: 'answer', schema: { type: 'object' } };

  const cases: [string, CallKind, JsonObject, number][] = [
    ["the cookbook's messages as the API does", 'chat', { messages: COOKBOOK }, 124],
    [
      'text parts as text',
      'chat',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'hello world' }] }] },
      FRAME + 2,
    ],
    [
      'a control token in user text as text',
      'chat',
      { messages: [{ role: 'user', content: '<|endoftext|>' }] },
      FRAME + 7,
    ],
    ['an image of unknown detail by estimate', 'chat', image(undefined), FRAME + 765],
    ['an image of high detail by estimate', 'chat', image('high'), FRAME + 765],
    ['an image of low detail by estimate', 'chat', image('low'), FRAME + 85],
    [
      'sound by its length and never as text',
      'chat',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'input_audio', input_audio: { data: 'A'.repeat(64_000), format: 'mp3' } }],
          },
        ],
      },
      FRAME + 30,
    ],
    [
      'a file by estimate',
      'chat',
      { messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: 'x' } }] }] },
      FRAME + 2_000,
    ],
    [
      "a vendor's part without what it embeds",
      'chat',
      {
        messages: [
          {
            role: 'user',
            content: [{ type: 'video_url', video_url: { url: `data:video/mp4;base64,${'A'.repeat(9_000)}` } }],
          },
        ],
      },
      FRAME + plain('{"type":"video_url","video_url":{"url":""}}'),
    ],
    [
      'names and arguments of tool calls',
      'chat',
      {
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Paris"}' } }],
          },
        ],
      },
      FRAME + plain('weather') + plain('{"city":"Paris"}'),
    ],
    ['tools as JSON text', 'chat', { messages: [], tools }, 3 + plain(JSON.stringify(tools))],
    ['functions as JSON text', 'chat', { messages: [], functions: [{ name: 'f' }] }, 3 + plain('[{"name":"f"}]')],
    [
      'the schema of the answer',
      'chat',
      { messages: [], response_format: { type: 'json_schema', json_schema: schema } },
      3 + plain(JSON.stringify(schema)),
    ],
    ['a prompt', 'completion', { prompt: 'hello world' }, 2],
    ['a prompt and its suffix', 'completion', { prompt: 'hello world', suffix: ' and' }, 3],
    ['prompts', 'completion', { prompt: ['hello world', 'hello'] }, 3],
    ['token ids as themselves', 'completion', { prompt: [1, 2, 50_256] }, 3],
    ['lists of token ids as themselves', 'completion', { prompt: [[1, 2, 3], [4]] }, 4],
    ['an input', 'embedding', { input: 'hello world' }, 2],
    ['inputs', 'embedding', { input: ['hello world', 'hello'] }, 3],
    ['an input of token ids as themselves', 'embedding', { input: [[1, 2], [3]] }, 3],
  ];

  it.each(cases)('counts %s', async (_name, kind, body, tokens) => {
    expect((await counter.countRequest(kind, body)).inputTokens).toBe(tokens);
  });

  it('tells the longest of several inputs, which is what must fit a window', async () => {
    expect(await counter.countRequest('embedding', { input: ['hello', 'hello world', [1]] })).toEqual({
      inputTokens: 4,
      longestInputTokens: 2,
    });
    expect(await counter.countRequest('embedding', { input: [1, 2, 3] })).toEqual({
      inputTokens: 3,
      longestInputTokens: 3,
    });
  });

  it.each<[CallKind, JsonObject, number]>([
    ['chat', {}, 3],
    ['chat', { messages: 'hello' }, 3],
    ['chat', { messages: [null, 1, 'x', []] }, 3],
    ['chat', { messages: [{}] }, FRAME],
    ['chat', { messages: [{ role: 7, content: 7, name: 7, tool_calls: [null, {}, { function: 3 }] }] }, FRAME],
    ['chat', { messages: [{ role: 'user', content: [null, 4, { type: 'text' }, { type: 'input_audio' }] }] }, FRAME],
    ['chat', { messages: [], tools: 'none', functions: 3, response_format: 'json' }, 3],
    ['completion', {}, 0],
    ['completion', { prompt: { text: 'x' } }, 0],
    ['embedding', { input: [null, {}, true] }, 0],
    ['embedding', { input: [] }, 0],
  ])('leaves a malformed %s body to validation: %j', async (kind, body, tokens) => {
    expect((await counter.countRequest(kind, body)).inputTokens).toBe(tokens);
  });

  it('refuses nesting that could be neither stored nor forwarded', async () => {
    const tools = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000)) as unknown;
    await expect(counter.countRequest('chat', { tools })).rejects.toMatchObject({
      code: 'invalid_request',
      options: { param: 'tools' },
    });
  });
});
