import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.js';

let simulator: Simulator;
afterEach(() => simulator.close());

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator(options);
}

interface Answer {
  status: number;
  text: string;
  type: string | null;
}

async function get(path: string): Promise<Answer> {
  return answerOf(await fetch(`${simulator.url}/vllm${path}`));
}

async function post(path: string, body: object): Promise<Answer & { body: Record<string, unknown> }> {
  const response = await fetch(`${simulator.url}/vllm${path}`, { method: 'POST', body: JSON.stringify(body) });
  const answer = await answerOf(response);
  return { ...answer, body: answer.text.startsWith('{') ? (JSON.parse(answer.text) as Record<string, unknown>) : {} };
}

async function answerOf(response: Response): Promise<Answer> {
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
}

/** The chunks of a stream, without its closing marker. */
function chunksOf({ text }: Answer): { choices: { delta: Record<string, string> }[] }[] {
  const events = text.split('\n\n').filter((event) => event !== '' && event !== 'data: [DONE]');
  return events.map((event) => JSON.parse(event.slice('data: '.length)) as ReturnType<typeof chunksOf>[number]);
}

const ask = (content: string, rest: object = {}): object => ({
  model: 'm',
  messages: [{ role: 'user', content }],
  ...rest,
});

describe('the server’s own routes', () => {
  it('health is 200 or, when switched, 503, with no body', async () => {
    await start();
    expect(await get('/health')).toMatchObject({ status: 200, text: '' });
    simulator.controls.configure({ healthy: false });
    expect(await get('/health')).toMatchObject({ status: 503, text: '' });
    expect((await post('/v1/chat/completions', ask('hello'))).status).toBe(200);
  });

  it('asks for a key below /v1 alone', async () => {
    await start({ apiKey: 'secret' });
    for (const path of ['/health', '/version', '/metrics']) {
      expect({ path, status: (await get(path)).status }).toEqual({ path, status: 200 });
    }
    expect((await post('/tokenize', { prompt: 'hello' })).status).toBe(200);
    expect((await get('/v1/models')).status).toBe(401);
    expect((await post('/v1/chat/completions', ask('hello'))).status).toBe(401);
  });

  it('the version is told', async () => {
    await start();
    expect(JSON.parse((await get('/version')).text)).toHaveProperty('version');
  });

  it('a model’s card has the window', async () => {
    await start({ models: ['llama', 'llama-lora'], settings: { max_model_len: 4096 } });
    const { data } = JSON.parse((await get('/v1/models')).text) as { data: object[] };
    expect(data).toHaveLength(2);
    expect(data[0]).toMatchObject({ id: 'llama', owned_by: 'vllm', root: 'llama', parent: null, max_model_len: 4096 });
  });

  it('tokens are counted as the usage counts them, and can be put together again', async () => {
    await start();
    const { body: counted } = await post('/tokenize', ask('Grüße aus Köln', { return_token_strs: true }));
    const { body: answer } = await post('/v1/chat/completions', ask('Grüße aus Köln'));
    expect(counted).toMatchObject({ count: 4, max_model_len: 32_768, token_strs: ['Grüß', 'e au', 's Kö', 'ln'] });
    expect(answer.usage).toMatchObject({ prompt_tokens: 4 });
    const { body: back } = await post('/detokenize', { tokens: counted.tokens });
    expect(back).toEqual({ prompt: 'Grüße aus Köln' });
    expect(await post('/detokenize', { tokens: [999] })).toMatchObject({ status: 400 });
  });

  it('the metrics are gauges and counters of what was served', async () => {
    await start({ models: ['llama'] });
    await post('/v1/chat/completions', { ...ask('hello'), model: 'llama' });
    await post('/v1/chat/completions', ask('hello'));
    const { text, type } = await get('/metrics');
    expect(type).toContain('text/plain');
    const labels = 'engine="0",model_name="llama"';
    for (const line of [
      '# TYPE vllm:num_requests_running gauge',
      `vllm:num_requests_running{${labels}} 0`,
      `vllm:num_requests_waiting_by_reason{${labels},reason="capacity"} 0`,
      `vllm:kv_cache_usage_perc{${labels}} 0`,
      `vllm:prompt_tokens_total{${labels}} 2`,
      `vllm:generation_tokens_total{${labels}} 16`,
      `vllm:request_success_total{${labels},finished_reason="stop"} 1`,
      `vllm:request_failure_total{${labels},stage="api",code="404"} 1`,
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });
});

describe('answers', () => {
  it('say what OpenAI’s would, in vLLM’s shape', async () => {
    await start();
    const client = new OpenAI({ baseURL: `${simulator.url}/vllm/v1`, apiKey: 'none', maxRetries: 0 });
    const plain = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hello' }] });
    const openai = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const other = await openai.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hello' }] });
    expect(plain.choices[0]?.message.content).toBe(other.choices[0]?.message.content);
    expect(plain.choices[0]).toMatchObject({ stop_reason: null, message: { tool_calls: [], reasoning: null } });
    expect(plain.usage).toEqual({
      prompt_tokens: 2,
      completion_tokens: 16,
      total_tokens: 18,
      prompt_tokens_details: null,
    });
  });

  it('answer without a model, with the one that is served', async () => {
    await start({ models: ['llama'] });
    const { body } = await post('/v1/completions', { prompt: 'hello' });
    expect(body).toMatchObject({ model: 'llama', choices: [{ stop_reason: null }] });
  });

  it.each(['reasoning', 'reasoning_content'] as const)('reason when told to, in the field %s', async (field) => {
    await start({ settings: { reasoning_field: field } });
    const body = ask('hello', { simulator: { reasoning_tokens: 5 } });
    const { body: plain } = await post('/v1/chat/completions', body);
    const message = (plain.choices as { message: Record<string, string> }[])[0]?.message;
    expect(message?.[field]?.split(' ')).toHaveLength(5);
    expect(plain.usage).toMatchObject({ completion_tokens: 21 });
    const chunks = chunksOf(await post('/v1/chat/completions', { ...body, stream: true }));
    const said = (name: string): string => chunks.map(({ choices }) => choices[0]?.delta[name] ?? '').join('');
    expect([said(field), said('content')]).toEqual([message?.[field], message?.content]);
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant' });
    expect(chunks[1]?.choices[0]?.delta).toHaveProperty(field);
  });

  it('do not say their reasoning to who does not want it', async () => {
    await start({ settings: { reasoning_tokens: 5 } });
    const { text } = await post('/v1/chat/completions', ask('hello', { include_reasoning: false, stream: true }));
    expect(text).not.toContain('"reasoning"');
  });

  it('stream tool calls, several choices and the usage', async () => {
    await start();
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }];
    const stream = { stream: true, stream_options: { include_usage: true } };
    const chunks = chunksOf(await post('/v1/chat/completions', ask('call get_weather', { tools, n: 2, ...stream })));
    expect(JSON.stringify(chunks)).toContain('get_weather');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens_details: null } });
  });
});

describe('errors', () => {
  const OVERFLOW = /maximum context length is 100 tokens\. However, you requested \d+ output tokens and your prompt/;

  it.each([
    ['the prompt', ask('x'.repeat(400))],
    ['prompt and answer together', ask('hello', { max_tokens: 99 })],
  ])('refuse %s beyond the window in vLLM’s words', async (_what, body) => {
    await start({ settings: { max_model_len: 100 } });
    const { status, body: answer } = await post('/v1/chat/completions', body);
    expect(status).toBe(400);
    expect(answer.error).toMatchObject({ type: 'BadRequestError', param: 'input_tokens', code: 400 });
    expect((answer.error as { message: string }).message).toMatch(OVERFLOW);
  });

  it('serve what just fits into the window', async () => {
    await start({ settings: { max_model_len: 100 } });
    expect((await post('/v1/chat/completions', ask('hello', { max_tokens: 98 }))).status).toBe(200);
  });

  it.each<[number, string | null, string]>([
    [400, null, 'BadRequestError'],
    [404, null, 'NotFoundError'],
    [429, null, 'Too Many Requests'],
    [500, null, 'InternalServerError'],
    [501, null, 'NotImplementedError'],
    [503, null, 'Service Unavailable'],
    [503, 'engine_dead', 'Service Unavailable'],
  ])('have the status as their code: %i %s', async (status, code, type) => {
    await start();
    const { body } = await post(
      '/v1/chat/completions',
      ask('a', { simulator: { fault: { kind: 'status', status, code } } }),
    );
    expect(body.error).toMatchObject({ type, code: status });
  });

  it('name an unknown model, and refuse a wrong value and a wrong key in vLLM’s shape', async () => {
    await start({ models: ['llama'], apiKey: 'k' });
    expect(await post('/v1/chat/completions', ask('a'))).toMatchObject({
      status: 401,
      body: { error: 'Unauthorized' },
    });
    await simulator.close();
    await start({ models: ['llama'] });
    const unknown = await post('/v1/chat/completions', ask('a'));
    expect(unknown.body.error).toEqual({
      message: 'The model `m` does not exist.',
      type: 'NotFoundError',
      param: 'model',
      code: 404,
    });
    const wrong = await post('/v1/chat/completions', { model: 'llama' });
    expect(wrong.body.error).toMatchObject({ type: 'BadRequestError', param: 'messages', code: 400 });
  });

  it('come in the middle of a stream with [DONE] after them', async () => {
    await start();
    const fault = { kind: 'error_event', done: true };
    const { text } = await post('/v1/chat/completions', ask('a', { stream: true, simulator: { fault } }));
    expect(text).toMatch(/data: \{"error":\{"message":"EngineCore[^\n]*"code":500\}\}\n\ndata: \[DONE\]\n\n$/);
  });
});

it('OpenAI’s protocol is beside it and unchanged', async () => {
  await start({ settings: { reasoning_tokens: 3 } });
  const response = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(ask('a')),
  });
  const text = await response.text();
  expect(text).toContain('"service_tier":"default"');
  expect(text).not.toMatch(/stop_reason|"reasoning"/);
});
