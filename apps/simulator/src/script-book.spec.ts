import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestMatch } from './request-match.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.close());

type Door = 'openai' | 'anthropic' | 'vllm';
const DOORS: readonly Door[] = ['openai', 'anthropic', 'vllm'];
const PATHS: Record<Door, string> = {
  openai: '/v1/chat/completions',
  anthropic: '/v1/messages',
  vllm: '/vllm/v1/chat/completions',
};

interface Asked {
  system?: string;
  user?: unknown;
  more?: object;
}

async function post(path: string, body: object): Promise<{ status: number; text: string }> {
  const headers = { 'anthropic-version': '2023-06-01' };
  const response = await fetch(simulator.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

/** The same conversation in each vendor's shape. */
function bodyFor(door: Door, { system = 'You plan.', user = 'Build a bridge', more = {} }: Asked): object {
  const messages = [{ role: 'user', content: user }];
  return door === 'anthropic'
    ? { model: 'm', max_tokens: 100, system, messages, ...more }
    : { model: 'm', messages: [{ role: 'developer', content: system }, ...messages], ...more };
}

async function said(door: Door, asked: Asked = {}): Promise<string> {
  const { text } = await post(PATHS[door], bodyFor(door, asked));
  const body = JSON.parse(text) as { content?: { text: string }[]; choices?: { message: { content: string } }[] };
  return body.content?.[0]?.text ?? body.choices?.[0]?.message.content ?? '';
}

async function control(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${simulator.url}/_control/${path}`, { method, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

describe.each(DOORS)('scripts at %s', (door) => {
  it.each<[string, RequestMatch | undefined, boolean]>([
    ['no match', undefined, true],
    ['its model', { model: 'm' }, true],
    ['another model', { model: 'n' }, false],
    ['its endpoint', { endpoint: 'chat' }, true],
    ['a piece of the system text', { system: 'plan' }, true],
    ['a piece of another system text', { system: 'judge' }, false],
    ['a piece of the last user message', { last_user: 'a bridge' }, true],
    ['a piece that only the system text has', { last_user: 'plan' }, false],
    ['both pieces', { system: 'You', last_user: 'Build' }, true],
    ['one right piece and one wrong', { system: 'You', last_user: 'Destroy' }, false],
  ])('a script with %s is played: %#', async (_, match, played) => {
    simulator.controls.script({ text: 'As scripted.\nAPPROVED', match });
    expect((await said(door)) === 'As scripted.\nAPPROVED').toBe(played);
  });

  it('is played as often as it says, in the order of arrival, and misses do not count', async () => {
    simulator.controls.script({ text: 'first', match: { last_user: 'bridge' }, times: 2 });
    simulator.controls.script({ text: 'then', match: { last_user: 'bridge' } });
    const heard = [await said(door), await said(door, { user: 'Dig' }), await said(door), await said(door)];
    expect(heard).toEqual(['first', expect.stringMatching(/^(?!first|then)/), 'first', 'then']);
  });

  it('is streamed word by word', async () => {
    simulator.controls.script({ text: 'one two three' });
    const { text } = await post(PATHS[door], bodyFor(door, { more: { stream: true } }));
    for (const piece of ['"one"', '" two"', '" three"']) expect(text).toContain(piece);
  });

  it('reads the text of content parts', async () => {
    simulator.controls.script({ text: 'read', match: { last_user: 'in parts' } });
    const parts = [
      { type: 'text', text: 'Said in' },
      { type: 'text', text: ' parts' },
    ];
    expect(await said(door, { user: parts })).toBe('read');
  });

  it('leaves the answer to what the request itself asks for', async () => {
    simulator.controls.script({ text: 'scripted', times: 1 });
    expect(await said(door, { more: { simulator: { text: 'own' } } })).toBe('own');
    expect(await said(door)).toBe('scripted');
  });

  it('is not used up by a fault that takes the answer’s place', async () => {
    simulator.controls.script({ text: 'scripted', times: 1 });
    simulator.controls.arm({ fault: { kind: 'status', status: 500 }, match: { last_user: 'bridge' }, times: 1 });
    expect((await post(PATHS[door], bodyFor(door, {}))).status).toBe(500);
    expect(await said(door)).toBe('scripted');
  });
});

describe('a script', () => {
  it('answers a prompt of the legacy completions, and nothing that has no words', async () => {
    simulator.controls.script({ text: 'scripted', match: { last_user: 'Once' }, times: 1 });
    const { text } = await post('/v1/completions', { model: 'm', prompt: ['Twice', 'Once upon'] });
    expect(text).toContain('"text":"scripted"');
    simulator.controls.script({ text: 'scripted', times: 1 });
    expect((await post('/v1/embeddings', { model: 'm', input: 'Once' })).status).toBe(200);
    expect(simulator.controls.scripts.list()).toHaveLength(1);
  });

  it('sets the pace and the headers of its answers alone', async () => {
    simulator.controls.script({ settings: { output_tokens: 2, headers: { 'x-scripted': 'yes' } }, times: 1 });
    const answers = [];
    for (let n = 0; n < 2; n++) {
      const response = await fetch(simulator.url + PATHS.openai, {
        method: 'POST',
        body: JSON.stringify(bodyFor('openai', {})),
      });
      const { usage } = (await response.json()) as { usage: { completion_tokens: number } };
      answers.push([usage.completion_tokens, response.headers.get('x-scripted')]);
    }
    expect(answers).toEqual([
      [2, 'yes'],
      [16, null],
    ]);
  });

  it('is kept, listed and cleared over HTTP, and forgotten by a reset', async () => {
    const script = { text: 'scripted', match: { system: 'plan' }, times: 3 };
    await expect(control('POST', 'scripts', script)).resolves.toEqual({ status: 201, body: { id: 'script_1' } });
    await control('POST', 'scripts', { text: 'other' });
    await said('openai');
    const held = [
      { ...script, id: 'script_1', times: 2 },
      { id: 'script_2', text: 'other' },
    ];
    await expect(control('GET', 'scripts')).resolves.toEqual({ status: 200, body: { scripts: held } });
    await expect(control('DELETE', 'scripts/script_1')).resolves.toEqual({ status: 200, body: { cleared: 1 } });
    await expect(control('DELETE', 'scripts/script_1')).resolves.toMatchObject({ status: 404 });
    expect(await said('openai')).toBe('other');
    await control('POST', 'reset');
    expect(await said('openai')).not.toBe('other');
    await control('POST', 'scripts', { text: 'again' });
    await expect(control('DELETE', 'scripts')).resolves.toEqual({ status: 200, body: { cleared: 1 } });
  });
});
