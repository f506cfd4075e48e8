import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec } from '#contracts/orchestration.js';
import type { JobRecord } from '#jobs/job-record.js';
import { waitFor } from '#testing/wait-for.js';
import { ADVERSARIAL, askedFor, byStep, lastMessage, parsed, type Asked } from './support/graph-turns.js';
import { newGraph, type NewGraphOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, registryContent } from './support/registry-content.js';
import { answers, fails, hangs } from './support/turns.js';
import {
  ended,
  eventsOf,
  makeDue,
  pass,
  ScriptedAdapter,
  startWorkerRig,
  submit,
  type Turn,
} from './support/worker-rig.js';

const fixture = new RedisFixture();

type Spec = Partial<OrchestrationSpec> & Pick<OrchestrationSpec, 'mode'>;
type Content = ReturnType<typeof registryContent>;

interface Ran {
  record: JobRecord;
  adapter: ScriptedAdapter;
}

async function run(spec: Spec, turn: Turn, options: NewGraphOptions & { content?: Content } = {}): Promise<Ran> {
  const { content, ...rest } = options;
  const adapter = new ScriptedAdapter([turn]);
  await startWorkerRig(fixture, { adapter, ...(content && { content }) });
  return { record: await ended(fixture, await submit(fixture, newGraph(spec, rest))), adapter };
}

const bodiesOf = ({ calls }: ScriptedAdapter, kind: Asked): JsonObject[] =>
  calls.filter((call) => askedFor(call) === kind).map(({ body }) => body);

const total = (of: readonly { costNano: number }[]): number => of.reduce((sum, { costNano }) => sum + costNano, 0);

describe('a failure inside a step', () => {
  it('fails over there, and leaves the graph as it is', async () => {
    const { record, adapter } = await run(
      { mode: 'adversarial' },
      byStep({ ...ADVERSARIAL, critique: [fails('transient'), fails('transient'), answers('Too short.')] }),
    );
    expect(record.state).toBe('completed');
    expect(record.steps.map(({ state, calls }) => [state, calls])).toEqual(record.steps.map(() => ['completed', 1]));
    expect(adapter.calls.map((call) => askedFor(call))).toEqual([
      'first',
      'critique',
      'critique',
      'critique',
      'refine',
    ]);
    expect(record.attempts.map(({ step, n, state }) => [step, n, state])).toEqual([
      ['plan', 1, 'completed'],
      ['critique-1', 1, 'failed'],
      ['critique-1', 2, 'failed'],
      ['critique-1', 3, 'completed'],
      ['refine-1', 1, 'completed'],
    ]);
  });

  it('costs the job what it costs the step', async () => {
    const { record } = await run(
      { mode: 'vote' },
      byStep({ first: [fails('transient'), answers('a'), answers('b')], judge: answers('VERDICT: A') }),
    );
    expect(record.steps.every(({ costNano }) => costNano > 0)).toBe(true);
    expect(total(record.steps)).toBe(record.costNano);
    expect(total(record.attempts)).toBe(record.costNano);
  });
});

describe('what a client said', () => {
  const request = {
    model: 'auto',
    messages: [
      { role: 'system', content: 'Answer in verse.' },
      { role: 'user', content: 'Say it.' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', description: 'The weather.', parameters: {} } }],
  };
  const content = registryContent({
    models: [model('small', { capabilities: ['tools'] }), model('large', { capabilities: ['tools'] })],
  });

  it('holds for whoever writes; who criticises is shown it as material', async () => {
    const { adapter } = await run({ mode: 'adversarial' }, byStep(ADVERSARIAL), { request, content });
    for (const kind of ['first', 'refine'] as const) {
      const [body] = bodiesOf(adapter, kind);
      expect(body?.tools).toEqual(request.tools);
      expect((body?.messages as unknown[])[0]).toEqual(request.messages[0]);
    }
    const [critique] = bodiesOf(adapter, 'critique');
    const messages = critique?.messages as { role: string; content: string }[];
    expect(critique).not.toHaveProperty('tools');
    expect(messages.filter(({ role }) => role === 'system')).toHaveLength(1);
    expect(messages[0]?.content).not.toContain('verse');
    expect(messages[1]?.content).toContain('Answer in verse.');
    expect(messages[1]?.content).toContain('- weather: The weather.');
  });
});

describe('a directive in what a model writes', () => {
  const directive = '@@tokenhub mode: cheap';

  it('is not sent to any step after it', async () => {
    const say = (text: string) => answers(`${text}\n${directive}\nthe end`);
    const { adapter, record } = await run(
      { mode: 'adversarial', iterations: 2 },
      byStep({ first: say('plan'), critique: say('critique'), refine: say('refined') }),
    );
    expect(record.state).toBe('completed');
    expect(adapter.calls).toHaveLength(5);
    expect(JSON.stringify(adapter.calls.map(({ body }) => body))).not.toContain('@@tokenhub');
    expect(lastMessage(adapter.calls[1] ?? { body: {} })).toContain('plan\n');
    expect(record.steps.every(({ output }) => !output?.text.includes('@@'))).toBe(true);
    // What the client is given is as the model wrote it.
    expect(JSON.stringify(parsed(record.result).response)).toContain(directive);
  });

  it('nor to a judge, who is asked again', async () => {
    const { adapter } = await run(
      { mode: 'vote' },
      byStep({
        first: answers(`one\n${directive}`),
        judge: answers(`fine\n${directive}`),
        verdict: answers('VERDICT: A'),
      }),
    );
    expect(adapter.calls).toHaveLength(5);
    expect(JSON.stringify(adapter.calls.map(({ body }) => body))).not.toContain('@@tokenhub');
  });
});

describe('a budget', () => {
  /** Each answer costs 310,000 nano-dollars; a call is expected to cost up to 10,000,000. */
  const spends = byStep(ADVERSARIAL);

  it('that is reached between two steps ends the job with what was made', async () => {
    const content = registryContent({
      models: [model('small', { maxOutputTokens: 20 }), model('large', { maxOutputTokens: 20 })],
    });
    const policy = { maxBudgetUsd: 0.0006 };
    const request = { messages: [{ role: 'user', content: 'Say it.' }], max_tokens: 20 };
    const { record, adapter } = await run({ mode: 'adversarial', iterations: 3 }, spends, { content, policy, request });
    expect(record).toMatchObject({ state: 'failed', error: { code: 'budget_exceeded' } });
    expect(adapter.calls.length).toBeGreaterThanOrEqual(1);
    expect(adapter.calls.length).toBeLessThan(7);
    expect(record.steps[0]?.output?.text).toBe('the plan');
    expect(record.steps.map(({ state }) => state)).toContain('skipped');
    expect(record.steps.every(({ state }) => state !== 'pending' && state !== 'in_progress')).toBe(true);
  });

  it('is not given away twice to calls that begin at once', async () => {
    // Each candidate is expected to cost some 0.00022 USD: two fit, and three do not.
    const small = model('small', { maxOutputTokens: 20 });
    const large = model('large', { maxOutputTokens: 20 });
    const content = registryContent({ models: [small, large] });
    const request = { messages: [{ role: 'user', content: 'Say it.' }], max_tokens: 20 };
    const { record } = await run({ mode: 'vote', voters: 3 }, byStep({ first: hangs }), {
      ...{ content, request, policy: { maxBudgetUsd: 0.0005 }, deadline: Date.now() + 5_000 },
    });
    expect(record.steps.filter(({ error }) => error?.code === 'budget_exceeded')).toHaveLength(1);
    expect(record.steps.filter(({ callId }) => callId !== null)).toHaveLength(2);
  });
});

describe('a deadline', () => {
  it('that is reached inside a step expires the job at once, and what was finished can be read', async () => {
    const deadline = Date.now() + 3_000;
    const { record, adapter } = await run({ mode: 'adversarial' }, byStep({ ...ADVERSARIAL, critique: hangs }), {
      deadline,
    });
    expect(record).toMatchObject({ state: 'expired', error: { code: 'job_expired' } });
    // Not only when the reconciler takes its worker for lost.
    expect((record.finishedAt ?? 0) - deadline).toBeLessThan(5_000);
    expect(record.steps[0]?.output?.text).toBe('the plan');
    expect(adapter.calls[1]?.signal.aborted).toBe(true);
  });

  it('that is reached while nothing runs is seen by the reconciler', async () => {
    const job = await submit(fixture, newGraph({ mode: 'adversarial' }, { deadline: Date.now() + 30 }));
    await waitFor(async () => {
      await makeDue(fixture, job);
      return (await pass(fixture)).ended === 1;
    });
    expect((await ended(fixture, job)).state).toBe('expired');
  });
});

describe('what does not fit', () => {
  const request = { messages: [{ role: 'user', content: 'Say it.' }], max_tokens: 100 };
  const words = (count: number): string => Array.from({ length: count }, (_, n) => `word${n}`).join(' ');

  it('is cut with a marker until a model has room for it: a critique larger than any window', async () => {
    const content = registryContent({ models: [model('small', { contextTokens: 4_000 })] });
    const { record, adapter } = await run(
      { mode: 'adversarial' },
      byStep({ ...ADVERSARIAL, critique: answers(words(20_000)) }),
      { content, request },
    );
    expect(record.state).toBe('completed');
    const asked = lastMessage({ body: bodiesOf(adapter, 'refine')[0] ?? {} });
    expect(asked).toMatch(/\[… \d+ characters left out here …\]/);
    expect(asked).toContain('word0 ');
    expect(asked).toContain('word19999');
    expect(asked.length).toBeLessThan(20_000);
  });

  it('is cut and asked for again when a provider says so, who counts otherwise than we do', async () => {
    const overflow = fails('context_overflow', { status: 400 });
    const { record, adapter } = await run(
      { mode: 'adversarial' },
      byStep({
        ...ADVERSARIAL,
        critique: answers(words(1_500)),
        refine: (call) => (lastMessage(call).length > 7_000 ? overflow : answers('the refined plan'))(call),
      }),
      { request },
    );
    expect(record.state).toBe('completed');
    const asked = bodiesOf(adapter, 'refine').map((body) => lastMessage({ body }).length);
    expect(asked.at(-1)).toBeLessThan(7_000);
    expect(record.steps.at(-1)?.calls).toBe(2);
  });

  it('and cannot be cut ends the job as it would any', async () => {
    const { record } = await run({ mode: 'adversarial' }, byStep({ first: fails('context_overflow') }), { request });
    expect(record).toMatchObject({ state: 'failed', error: { class: 'context_overflow' } });
    expect(record.steps[0]?.calls).toBe(1);
  });
});

describe('who reads the events', () => {
  it('sees each step begin and end, and who did it', async () => {
    const job = newGraph({ mode: 'adversarial' });
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    await startWorkerRig(fixture, { adapter });
    await ended(fixture, await submit(fixture, job));
    const steps = (await eventsOf(fixture, job)).filter(({ type }) => type.startsWith('step.'));
    expect(steps.map(({ type, data }) => [type, data.step])).toEqual(
      ['plan', 'critique-1', 'refine-1'].flatMap((id) => [
        ['step.started', id],
        ['step.completed', id],
      ]),
    );
    expect(steps[1]?.data).toMatchObject({ name: 'plan', round: 0, state: 'completed', model: expect.any(String) });
  });
});
