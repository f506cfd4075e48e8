import { describe, expect, it } from '@jest/globals';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers, fails, hangs } from './support/turns.js';
import {
  ended,
  makeDue,
  pass,
  read,
  ScriptedAdapter,
  startWorkerRig,
  submit,
  type Turn,
} from './support/worker-rig.js';

const fixture = new RedisFixture();

/** Answers by what it is asked: the first of these whose pattern is found in the last message. */
const byPrompt =
  (...script: [RegExp, Turn][]): Turn =>
  (call) => {
    const { messages } = call.body as { messages: { content: unknown }[] };
    const last = JSON.stringify(messages.at(-1)?.content);
    const found = script.find(([pattern]) => pattern.test(last));
    if (!found) throw new Error(`no turn for ${last}`);
    return found[1](call);
  };

const CRITIQUE = /criticise the draft/;
const REFINE = /critique/i;
const adversarial = (...critiques: string[]): Turn => {
  let n = 0;
  return byPrompt(
    [CRITIQUE, (call) => answers(critiques[Math.min(n++, critiques.length - 1)] ?? '')(call)],
    [/Say it/, answers('the plan')],
    [REFINE, answers('the refined plan')],
  );
};

const resultOf = (text: string | null): JsonObject => JSON.parse(text ?? '{}') as JsonObject;

describe('an adversarial job', () => {
  it('is planned, criticised by another model and refined: 1 + 2n calls', async () => {
    const adapter = new ScriptedAdapter([adversarial('Too short.')]);
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, await submit(fixture, newGraph({ mode: 'adversarial', iterations: 2 })));
    expect(record).toMatchObject({ state: 'completed', type: 'orchestration' });
    expect(adapter.calls).toHaveLength(5);
    const [plan, critique, refine] = adapter.asked;
    expect(critique).not.toBe(plan);
    expect(refine).toBe(plan);
    expect(resultOf(record.result)).toMatchObject({
      mode: 'adversarial',
      initial_plan: 'the plan',
      critique: 'Too short.',
      refined_plan: 'the refined plan',
    });
    expect(isJsonObject(resultOf(record.result).response)).toBe(true);
  });

  it('ends with the first approval', async () => {
    const adapter = new ScriptedAdapter([adversarial('Fine.\nAPPROVED')]);
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, await submit(fixture, newGraph({ mode: 'adversarial', iterations: 10 })));
    expect(adapter.calls).toHaveLength(2);
    expect(resultOf(record.result)).toMatchObject({ refined_plan: 'the plan', critique: 'Fine.' });
    expect(record.steps.filter(({ state }) => state === 'skipped')).toHaveLength(19);
  });

  it('costs what its steps cost, and its steps what their attempts cost', async () => {
    const adapter = new ScriptedAdapter([adversarial('Too short.')]);
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, await submit(fixture, newGraph({ mode: 'adversarial' })));
    const total = (of: readonly { costNano: number }[]): number => of.reduce((sum, { costNano }) => sum + costNano, 0);
    expect(record.costNano).toBeGreaterThan(0);
    expect(total(record.steps)).toBe(record.costNano);
    expect(total(record.attempts)).toBe(record.costNano);
    expect(record.attempts.map(({ step }) => step)).toEqual(['plan', 'critique-1', 'refine-1']);
  });

  it('leaves nothing behind in the queues', async () => {
    const adapter = new ScriptedAdapter([adversarial('Fine.\nAPPROVED')]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newGraph({ mode: 'adversarial', iterations: 3 }));
    await ended(fixture, job);
    await waitFor(async () => (await fixture.redis.keys(`*${job.id}.*`)).length === 0, {
      describe: 'every step and attempt to be gone',
    });
  });
});

describe('a graph', () => {
  it('is cancelled as a whole, the upstream call included', async () => {
    const adapter = new ScriptedAdapter([byPrompt([CRITIQUE, hangs], [/Say it/, answers('the plan')])]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newGraph({ mode: 'adversarial' }));
    await waitFor(() => adapter.calls.length === 2, { describe: 'the critique' });
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    const record = await ended(fixture, job);
    expect(record.state).toBe('cancelled');
    expect(adapter.calls[1]?.signal.aborted).toBe(true);
    expect(record.steps.find(({ id }) => id === 'plan')?.output?.text).toBe('the plan');
  });

  it('fails with the error of the step that failed, and keeps what was made', async () => {
    const adapter = new ScriptedAdapter([
      byPrompt([CRITIQUE, fails('invalid_request')], [/Say it/, answers('the plan')]),
    ]);
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, await submit(fixture, newGraph({ mode: 'adversarial' })));
    expect(record).toMatchObject({ state: 'failed', error: { code: 'upstream', class: 'invalid_request' } });
    expect(record.steps.map(({ state }) => state)).toEqual(['completed', 'failed', 'skipped']);
  });

  it('is driven on when all of the queue was lost', async () => {
    const job = await submit(fixture, newGraph({ mode: 'adversarial' }));
    const lost = await fixture.redis.keys('*:orchestration:*');
    await fixture.redis.del(...lost);
    const adapter = new ScriptedAdapter([adversarial('Too short.')]);
    await startWorkerRig(fixture, { adapter });
    await makeDue(fixture, job);
    expect((await pass(fixture)).requeued).toBe(1);
    const record = await ended(fixture, job);
    expect(record.state).toBe('completed');
    expect(adapter.calls).toHaveLength(3);
  });

  it('goes on when the attempt of a step was lost', async () => {
    const adapter = new ScriptedAdapter([adversarial('Too short.')]);
    const rig = await startWorkerRig(fixture, { adapter, pools: false });
    const job = await submit(fixture, newGraph({ mode: 'adversarial' }));
    await waitFor(async () => (await read(fixture, job)).waiting !== null, { describe: 'the first call' });
    await fixture.redis.del(keys.poolWaiting('acme'), keys.poolWaiting('bolt'));
    for (const key of await fixture.redis.keys(`*pool.*${job.id}*`)) await fixture.redis.del(key);
    rig.registry.onChange((changed) => rig.supervisor.follow(changed));
    await makeDue(fixture, job);
    await pass(fixture);
    expect((await ended(fixture, job)).state).toBe('completed');
  });
});
