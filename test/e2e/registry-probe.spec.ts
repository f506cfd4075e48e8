import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startStack, type Stack } from '#testing/stack.js';
import type { Fault } from '../../apps/simulator/src/fault-shapes.js';
import { ADMIN_TOKEN, AdminCalls } from './admin-calls.js';
import { SimulatorClient } from './openai-stack.js';

let stack: Stack;
const admin = new AdminCalls(() => stack);

beforeAll(async () => {
  stack = await startStack({ database: 'postgres', env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN } });
  const openai = { type: 'openai', base_url: `${stack.simulatorUrl}/v1`, credential: { source: 'none' } };
  await admin.do('PUT', 'providers/empty', { body: openai });
  await admin.do('PUT', 'providers/claude', { body: { ...openai, type: 'anthropic' } });
  await admin.do('PUT', 'models/claude-sim', { body: { provider: 'claude' } });
  const local = { ...openai, type: 'vllm', base_url: `${stack.simulatorUrl}/vllm/v1` };
  await admin.do('PUT', 'providers/local', { body: local });
  await admin.do('PUT', 'models/dear', { body: { provider: 'local', price: { input_per_1k: 1 } } });
  await admin.do('PUT', 'models/cheap', { body: { provider: 'local' } });
  await admin.do('PUT', 'providers/gone', { body: { ...openai, base_url: 'http://127.0.0.1:1/v1' } });
  await admin.do('PUT', 'models/gone-model', { body: { provider: 'gone' } });
  await admin.do('PUT', 'providers/faulty', { body: { ...openai, timeouts: { answer_ms: 4_000 } } });
  await admin.do('PUT', 'models/faulty', { body: { provider: 'faulty' } });
  const secret = { ...openai, credential: { source: 'env', name: 'ONLY_ON_WORKERS' } };
  await admin.do('PUT', 'providers/secret', { body: secret });
}, 120_000);

afterAll(() => stack.stop());

const models = async (): Promise<unknown> =>
  ((await admin.get('models?limit=100')).body.data as { id: string }[]).map(({ id }) => id);

describe('discover', () => {
  it('proposes what the provider lists, marks what nobody told, and writes nothing', async () => {
    const before = await models();
    const { body } = await admin.do('POST', 'providers/local/discover');
    const data = body.data as { upstream_model: string; unknown: string[]; proposal: Record<string, unknown> }[];
    expect(data.length).toBeGreaterThan(0);
    for (const { upstream_model: name, unknown, proposal } of data) {
      expect(proposal).toMatchObject({ provider: 'local', upstream_model: name });
      expect(proposal.context_tokens).toBeGreaterThan(0);
      expect(unknown).toContain('price');
    }
    expect(await models()).toStrictEqual(before);
  });

  it('gives proposals that can be set as they are', async () => {
    const { body } = await admin.do('POST', 'providers/empty/discover');
    const [first] = body.data as { proposal: Record<string, unknown>; registered: string[] }[];
    expect(first?.registered).toStrictEqual([]);
    const made = await admin.do('POST', 'models', { body: first?.proposal });
    const again = (await admin.do('POST', 'providers/empty/discover')).body.data as { registered: string[] }[];
    expect(again[0]?.registered).toStrictEqual([made.body.id]);
    await admin.do('DELETE', `models/${encodeURIComponent(String(made.body.id))}`);
  });

  it.each<[string, string, number, string]>([
    ['a provider that cannot be reached', 'gone', 502, 'provider_error'],
    ['one whose secret only workers have', 'secret', 409, 'credential_not_here'],
    ['one that is not there', 'none', 404, 'provider_not_found'],
  ])('%s is told of by name', async (_case, id, status, code) => {
    expect(await admin.send('POST', `providers/${id}/discover`)).toMatchObject({ status, body: { code } });
  });
});

describe('test', () => {
  it.each<[string, string]>([
    ['simulator', 'sim-embedding'],
    ['claude', 'claude-sim'],
    ['local', 'cheap'],
  ])('%s answers one call to its cheapest model, and says how long that took', async (id, model) => {
    const { body } = await admin.do('POST', `providers/${id}/test`);
    expect(body).toMatchObject({ object: 'provider_test', provider: id, model, ok: true, error: null });
    expect(body.latency_ms).toBeGreaterThanOrEqual(0);
  });

  it('a provider that cannot be reached is told of with the class of its failure', async () => {
    expect((await admin.do('POST', 'providers/gone/test')).body).toMatchObject({
      ...{ ok: false, model: 'gone-model' },
      error: { class: 'transient', code: 'connection_refused', provider_status: null },
    });
  });

  it.each<[string, Fault, object]>([
    ['wrong secret', { kind: 'status', status: 401 }, { class: 'provider_fault', provider_status: 401 }],
    ['limit', { kind: 'status', status: 429 }, { class: 'rate_limited', provider_status: 429 }],
    ['silence', { kind: 'hang' }, { class: 'transient', code: 'answer_timeout', provider_status: null }],
  ])('a provider’s %s is told of with its class', async (_what, fault, error) => {
    const simulator = new SimulatorClient(stack.simulatorUrl);
    await simulator.break('faulty', fault);
    try {
      const { body } = await admin.do('POST', 'providers/faulty/test');
      expect(body).toMatchObject({ ok: false, model: 'faulty', error });
    } finally {
      await simulator.reset();
    }
    expect((await admin.do('POST', 'providers/faulty/test')).body).toMatchObject({ ok: true, error: null });
  });

  it.each<[string, string, number, string]>([
    ['a provider without models', 'empty', 400, 'no_eligible_model'],
    ['one whose secret only workers have', 'secret', 409, 'credential_not_here'],
    ['one that is not there', 'none', 404, 'provider_not_found'],
  ])('%s is told of by name', async (_case, id, status, code) => {
    expect(await admin.send('POST', `providers/${id}/test`)).toMatchObject({ status, body: { code } });
  });

  it('needs the admin token', async () => {
    const headers = { authorization: 'Bearer wrong' };
    expect((await admin.send('POST', 'providers/local/test', { headers })).status).toBe(401);
    expect((await admin.send('POST', 'providers/local/discover', { headers })).status).toBe(401);
  });
});
