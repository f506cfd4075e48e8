import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { DEFAULT_OUTPUT, type OutputSpec } from '#contracts/orchestration.js';
import type { JobRecord, NewJob } from '#jobs/job-record.js';
import { ADVERSARIAL, byStep, lastMessage, parsed } from './support/graph-turns.js';
import { newChecked, newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, registryContent } from './support/registry-content.js';
import { answers, fails, streams, USAGE } from './support/turns.js';
import { ended, eventsOf, ScriptedAdapter, startWorkerRig, submit, type Turn } from './support/worker-rig.js';

const fixture = new RedisFixture();

const AGE = { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] };
const CHECKED: OutputSpec = { ...DEFAULT_OUTPUT, format: 'json', schema: AGE };
const VALID = answers('```json\n{"age": 7}\n```');
const INVALID = answers('{"age": "seven"}');

/** Two that cost the same, of which one weighs more. */
const WEIGHTS = registryContent({
  models: [model('small', { weight: 2, expectedLatencyMs: 10 }), model('large', { weight: 8, expectedLatencyMs: 900 })],
});
const NATIVE = registryContent({
  models: [
    model('small', { weight: 2, expectedLatencyMs: 10, capabilities: ['json_schema'] }),
    model('large', { weight: 8, expectedLatencyMs: 900 }),
  ],
});

interface Ran {
  record: JobRecord;
  adapter: ScriptedAdapter;
  job: NewJob;
}

async function run(job: NewJob, turns: readonly Turn[], content = WEIGHTS): Promise<Ran> {
  const adapter = new ScriptedAdapter(turns);
  await startWorkerRig(fixture, { adapter, content });
  return { record: await ended(fixture, await submit(fixture, job)), adapter, job };
}

const checked = (output = CHECKED) => newChecked(output, { policy: { mode: 'cheap' } });
const formatsOf = ({ calls }: ScriptedAdapter) => calls.map(({ body }) => body.response_format != null);

function textOf({ result }: JobRecord): unknown {
  const { choices } = parsed(result) as { choices?: { message: { content: unknown } }[] };
  return choices?.[0]?.message.content;
}

describe('a chat whose output is checked', () => {
  it('that is valid the first time is one call; type and result are a chat’s, with the text as it was asked for', async () => {
    const { record, adapter } = await run(checked(), [VALID]);
    expect(record).toMatchObject({ state: 'completed', type: 'chat' });
    expect(adapter.calls).toHaveLength(1);
    expect(textOf(record)).toBe('{"age": 7}');
    expect(lastMessage(adapter.calls[0] ?? { body: {} })).toBe('Say it.');
    expect(JSON.stringify(adapter.calls[0]?.body)).toContain('The JSON must match this JSON Schema');
  });

  it('is asked for again with the errors, of the same model', async () => {
    const { record, adapter } = await run(checked(), [INVALID, VALID]);
    expect(textOf(record)).toBe('{"age": 7}');
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-small']);
    expect(lastMessage(adapter.calls[1] ?? { body: {} })).toMatch(/age.*integer/);
    expect((adapter.calls[1]?.body.messages as JsonObject[]).at(-2)).toEqual({
      role: 'assistant',
      content: '{"age": "seven"}',
    });
    expect(record.costNano).toBe(record.attempts.reduce((sum, { costNano }) => sum + costNano, 0));
    expect(record.attempts).toHaveLength(2);
  });

  it('then goes to a model that weighs more', async () => {
    const { record, adapter } = await run(checked(), [INVALID, INVALID, VALID]);
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-small', 'upstream-large']);
    expect(record).toMatchObject({ state: 'completed', model: 'large' });
  });

  it.each<[string, Turn[], number]>([
    ['no model was better', [INVALID], 3],
    ['the stronger model failed', [INVALID, INVALID, fails('invalid_request')], 3],
  ])('then fails with the last text and its errors: %s', async (_why, turns, calls) => {
    const { record, adapter } = await run(checked(), turns);
    expect(adapter.calls).toHaveLength(calls);
    expect(record).toMatchObject({
      state: 'failed',
      error: { code: 'output_invalid', details: { text: '{"age": "seven"}' } },
    });
    expect(JSON.stringify(record.error?.details)).toMatch(/age.*integer/);
  });

  it('fails after two where no model weighs more', async () => {
    const content = registryContent({ models: [model('small')] });
    const { record, adapter } = await run(checked(), [INVALID], content);
    expect(adapter.calls).toHaveLength(2);
    expect(record.error?.code).toBe('output_invalid');
  });

  it('comes without the model’s thinking where that is not wanted', async () => {
    const { record } = await run(checked({ ...DEFAULT_OUTPUT, stripThink: true }), [
      answers('<think>Let me see.</think>It is seven.'),
    ]);
    expect(textOf(record)).toBe('It is seven.');
  });

  it('that calls a tool is no text to check', async () => {
    const call = { id: 'c', type: 'function', function: { name: 'weather', arguments: '{}' } };
    const body = JSON.stringify({ choices: [{ message: { role: 'assistant', content: null, tool_calls: [call] } }] });
    const { record, adapter } = await run(checked(), [() => ({ body, usage: USAGE, ttftMs: null, rateLimits: null })]);
    expect(record.state).toBe('completed');
    expect(adapter.calls).toHaveLength(1);
    expect(record.result).toContain('tool_calls');
  });
});

describe('a schema that a model can hold to by itself', () => {
  it('is sent to that one, and to no other', async () => {
    const { adapter } = await run(checked(), [INVALID, INVALID, VALID], NATIVE);
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-small', 'upstream-large']);
    expect(formatsOf(adapter)).toEqual([true, true, false]);
    expect(adapter.calls[0]?.body.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { schema: AGE },
    });
  });

  it('is left to the words after a provider has refused it', async () => {
    const { record, adapter } = await run(checked(), [fails('invalid_request', { status: 400 }), VALID], NATIVE);
    expect(record.state).toBe('completed');
    expect(formatsOf(adapter)).toEqual([true, false]);
  });

  it('refused is not tried for ever: each stage comes once', async () => {
    const refuses: Turn = (call) =>
      (call.body.response_format === undefined ? INVALID : fails('invalid_request', { status: 400 }))(call);
    const { record, adapter } = await run(checked(), [refuses], NATIVE);
    expect(record.error?.code).toBe('output_invalid');
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-small', 'upstream-small', 'upstream-large']);
    expect(formatsOf(adapter)).toEqual([true, false, false, false]);
  });
});

describe('an orchestration whose output is checked', () => {
  it('checks what may become its answer, and no opinion on it', async () => {
    const job = newGraph({ mode: 'adversarial' }, { output: CHECKED });
    const { record, adapter } = await run(job, [
      byStep({ ...ADVERSARIAL, first: VALID, refine: [answers('{"age":8}')] }),
    ]);
    expect(record.state).toBe('completed');
    expect(adapter.calls).toHaveLength(3);
    expect(parsed(record.result)).toMatchObject({
      initial_plan: '{"age": 7}',
      critique: 'Too short.',
      refined_plan: '{"age":8}',
    });
  });
});

describe('who reads the output as it comes', () => {
  const pieces = ['the ', 'refined ', 'plan'];
  const deltas = async (job: NewJob) =>
    (await eventsOf(fixture, job)).filter(({ type }) => type === 'output.delta').map(({ data }) => data);
  const contentOf = (data: JsonObject) =>
    (data.choices as { delta: { content?: string } }[]).map(({ delta }) => delta.content ?? '').join('');
  const streaming: Turn = byStep({
    first: streams(['PLAN'], answers('the plan')),
    critique: streams(['CRITIQUE'], answers('Too short.')),
    refine: streams(pieces, answers('the refined plan')),
  });

  it('is sent the last step as it comes, and nothing of those before it', async () => {
    const { job } = await run(newGraph({ mode: 'adversarial' }, { stream: true }), [streaming]);
    const texts = (await deltas(job)).map(contentOf);
    expect(texts[0]).toBe('the ');
    expect(texts.join('')).toBe('the refined plan');
  });

  it('is sent a text that is checked as one piece, once it is settled', async () => {
    const output: OutputSpec = { ...DEFAULT_OUTPUT, stripThink: true };
    const { job } = await run(newGraph({ mode: 'adversarial' }, { stream: true, output }), [streaming]);
    const [only, ...rest] = await deltas(job);
    expect(rest).toEqual([]);
    expect(only).toMatchObject({
      choices: [{ index: 0, delta: { content: 'the refined plan' }, finish_reason: 'stop' }],
    });
  });

  it('is sent what turned out to be the answer before the last step as one piece', async () => {
    const approved = byStep({ first: streams(['PLAN'], answers('the plan')), critique: answers('Good.\nAPPROVED') });
    const { job } = await run(newGraph({ mode: 'adversarial' }, { stream: true }), [approved]);
    expect((await deltas(job)).map(contentOf)).toEqual(['the plan']);
  });

  it('is told that what was streamed is void when the last step fails over', async () => {
    const { job, record } = await run(newGraph({ mode: 'adversarial' }, { stream: true }), [
      byStep({
        ...ADVERSARIAL,
        refine: [streams(['half'], fails('transient')), streams(['whole'], answers('whole'))],
      }),
    ]);
    expect(record.state).toBe('completed');
    const types = (await eventsOf(fixture, job)).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith('output.'))).toEqual([
      'output.delta',
      'output.reset',
      'output.delta',
    ]);
  });

  it('sees nothing when nobody asked for a stream', async () => {
    const { job } = await run(newGraph({ mode: 'adversarial' }), [streaming]);
    expect(await deltas(job)).toEqual([]);
  });
});
