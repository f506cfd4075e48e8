import { hash } from 'node:crypto';
import process from 'node:process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RateLimitError } from 'openai';
import { waitFor } from '#testing/wait-for.js';
import { ask, chat, chatJob, footprint, post, type Answer, type Job, type Json } from './doors.js';
import {
  chatBody,
  openAiConfig,
  rejection,
  startOpenAiStack,
  streamBody,
  type OpenAiStack,
  type SimulatorClient,
} from './openai-stack.js';

/* What keys and projects may spend, at every door of two API processes. Each test has keys of its own. */

const ENVIRONMENT_KEY = 'th_environment_0123456789';
const ADMIN = 'an-administrators-token';
const BUDGETS = {
  spent: { day_usd: 0, month_usd: 0 },
  small: { month_usd: 0.000001 },
  /** Some three answers of ten tokens at once. */
  few: { day_usd: 0.00003 },
  settled: { day_usd: 1, month_usd: 20 },
  again: { day_usd: 0.01 },
  corrected: { day_usd: 1 },
  crowd: { day_usd: 1, month_usd: 900 },
  free: {},
};
type KeyName = keyof typeof BUDGETS;
const secretOf = (name: KeyName | 'neighbour'): string => `th_${name}_0123456789abcdef`;
const bearer = (name: KeyName | 'neighbour') => ({ authorization: `Bearer ${secretOf(name)}` });
const admin = { authorization: `Bearer ${ADMIN}` };

let hub: OpenAiStack;
let simulator: SimulatorClient;
let urls: string[];

beforeAll(async () => {
  const key = (id: KeyName | 'neighbour', budget: object) => ({
    ...{ id, sha256: hash('sha256', secretOf(id)), scopes: ['jobs', 'chat'], budget },
  });
  const names = Object.keys(BUDGETS) as KeyName[];
  hub = await startOpenAiStack({
    auth: 'on',
    apis: 2,
    apiKey: ENVIRONMENT_KEY,
    env: { TOKENHUB_API_KEY: ENVIRONMENT_KEY, TOKENHUB_ADMIN_TOKEN: ADMIN },
    config: (url) => ({
      ...openAiConfig(url),
      projects: [
        { id: 'default', budget: { day_usd: 0 }, keys: [key('neighbour', { day_usd: 5 })] },
        { id: 'shop', keys: names.map((id) => key(id, BUDGETS[id])) },
      ],
    }),
  });
  ({ simulator } = hub);
  urls = hub.stack.apis.map(({ url }) => url);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

/** The same key at one process and then at the other. */
const api = (turn: number): string => urls[turn % 2] ?? '';

const postJob = (name: KeyName, body: Json, turn = 0, headers: Record<string, string> = {}): Promise<Answer<Job>> =>
  ask<Job>(`${api(turn)}/v1/jobs`, { body, headers: { ...bearer(name), ...headers } });

interface BudgetView extends Json {
  key: string | null;
  rule: string;
  reserved_nano: number;
  spent_nano: number;
}

/** A key's rules as the administrator sees them. */
async function budgetsOf(key: string | null, turn = 0): Promise<BudgetView[]> {
  const { status, body } = await ask<{ data: BudgetView[] }>(`${api(turn)}/admin/v1/budgets?limit=100`, {
    headers: admin,
  });
  expect(status).toBe(200);
  return body.data.filter((budget) => budget.key === key);
}

const nothingReserved = (key: KeyName): Promise<boolean> =>
  waitFor(async () => (await budgetsOf(key)).every(({ reserved_nano: reserved }) => reserved === 0), {
    describe: `nothing to be reserved for ${key}`,
  });

describe("OpenAI's SDK", () => {
  it.each([
    ['plain', chatBody()],
    ['as a stream', streamBody()],
  ])('has an insufficient_quota, and does not try again: %s', async (_how, body) => {
    const { openai, calls } = hub.client(secretOf('spent'));
    const error = await rejection(openai.chat.completions.create(body));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota', param: null });
    expect((error as RateLimitError).message).toMatch(/budget of the key spent for this day, 0 USD \(rule key\/day\)/);
    expect((error as RateLimitError).headers.get('x-should-retry')).toBe('false');
    expect(calls()).toBe(1);
  });

  it('is answered, plain and as a stream, while there is a budget; what it costs is spent, and nothing stays reserved', async () => {
    const { openai } = hub.client(secretOf('again'));
    const answer = await openai.chat.completions.create(chatBody());
    const usage = { input: answer.usage?.prompt_tokens ?? NaN, output: answer.usage?.completion_tokens ?? NaN };
    const cost = usage.input * 200 + usage.output * 800;
    await nothingReserved('again');
    expect(await budgetsOf('again')).toMatchObject([{ rule: 'key/day', spent_nano: cost }]);
    const chunks = await openai.chat.completions.create(streamBody({ max_tokens: 20 }));
    let received = 0;
    for await (const chunk of chunks) received += chunk.choices.length;
    expect(received).toBeGreaterThan(1);
    await nothingReserved('again');
    const [budget] = await budgetsOf('again', 1);
    expect(budget?.spent_nano).toBeGreaterThan(cost);
  });
});

describe('the job API', () => {
  const hanging = chatJob({ request: { model: 'sim-small', max_tokens: 10 } }, { fault: { kind: 'hang' } });

  it('makes what fits, over both processes at once; what a cancelled job had reserved can be used again', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => postJob('few', hanging, i)));
    const made = answers.filter(({ status }) => status === 202);
    const refused = answers.filter(({ status }) => status === 429);
    expect(made.length + refused.length).toBe(30);
    const each = Math.round(Number(refused[0]?.body.required_usd) * 1e9);
    expect(made).toHaveLength(Math.floor(30_000 / each));
    expect(await budgetsOf('few')).toMatchObject([{ reserved_nano: made.length * each, spent_nano: 0 }]);

    for (const { body: job } of made)
      await ask(`${api(0)}${job.urls.cancel}`, { method: 'POST', headers: bearer('few') });
    await nothingReserved('few');
    const next = await postJob('few', hanging);
    expect(next.status).toBe(202);
    await ask(`${api(1)}${next.body.urls.cancel}`, { method: 'POST', headers: bearer('few') });
    await nothingReserved('few');
  });

  it('refuses with a problem that names the rule, its figures and when it resets', async () => {
    const { status, headers, body } = await postJob('spent', chatJob());
    expect(status).toBe(429);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('x-should-retry')).toBe('false');
    expect(headers.get('retry-after')).toBeNull();
    const nextDay = new Date(Math.ceil(Date.now() / 86_400_000) * 86_400_000).toISOString();
    expect(body).toMatchObject({ code: 'insufficient_quota', rule: 'key/day', limit_usd: 0, resets_at: nextDay });
    expect(body.detail).toMatch(/which alone is more than the budget of the key spent/);
  });

  it('says so when a job alone is more than the whole budget', async () => {
    const { status, body } = await postJob('small', chatJob());
    expect({ status, rule: body.rule }).toEqual({ status: 429, rule: 'key/month' });
    expect(body.detail).toMatch(/A lower max_tokens or a cheaper model reserves less\.$/);
  });

  it('answers a replay without reserving or spending anything', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await postJob('settled', chatJob(), 0, { ...headers, prefer: 'wait=10' });
    expect(first.body.state).toBe('completed');
    const again = await postJob('settled', chatJob(), 1, headers);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    await nothingReserved('settled');
    const cost = Math.round(first.body.cost_usd * 1e9);
    expect(await budgetsOf('settled')).toMatchObject([
      { rule: 'key/day', spent_nano: cost },
      { rule: 'key/month', spent_nano: cost },
    ]);
  });

  it('settles an orchestration to what its steps cost', async () => {
    const [before] = await budgetsOf('settled');
    const orchestration = { mode: 'refine', iterations: 1 };
    const job = await post(
      api(1),
      { type: 'orchestration', request: chat({ max_tokens: 50 }), orchestration },
      { ...bearer('settled'), prefer: 'wait=20' },
    );
    expect(job.state).toBe('completed');
    await nothingReserved('settled');
    const [after] = await budgetsOf('settled');
    expect((after?.spent_nano ?? NaN) - (before?.spent_nano ?? NaN)).toBe(Math.round(job.cost_usd * 1e9));
  });
});

describe('a refusal', () => {
  const envelope = { request: chat() };
  const DOORS: [string, Json, Record<string, string>][] = [
    ['jobs', chatJob(), {}],
    ['jobs', chatJob(), { 'idempotency-key': 'never' }],
    ['jobs', chatJob(), { prefer: 'wait=1' }],
    ['jobs', { type: 'orchestration', request: chat(), orchestration: { mode: 'vote' } }, {}],
    ['chat/completions', chat(), {}],
    ['chat/completions', chat({ stream: true }), {}],
    ['chat/completions', chat(), { prefer: 'respond-async' }],
    ['completions', { prompt: 'Once' }, {}],
    ['plan', envelope, {}],
    ['chat', envelope, {}],
    ['adversarial', { prompt: 'Design it.' }, {}],
  ];

  it('writes nothing at any door, and concerns no key without a budget', async () => {
    await waitFor(async () => (await simulator.tally()).in_flight === 0, { describe: 'the simulator to be idle' });
    const before = await footprint(hub.stack.redis.url);
    for (const [door, body, headers] of DOORS) {
      for (const url of urls) {
        const answer = await ask(`${url}/v1/${door}`, { body, headers: { ...bearer('spent'), ...headers } });
        const error = (answer.body.error ?? answer.body) as Json;
        expect({ door, status: answer.status, code: error.code, rule: error.rule }).toEqual({
          ...{ door, status: 429, code: 'insufficient_quota', rule: 'key/day' },
        });
        expect(answer.headers.get('x-should-retry')).toBe('false');
      }
    }
    expect(await footprint(hub.stack.redis.url)).toEqual(before);
    expect((await postJob('free', chatJob())).status).toBe(202);
  });

  it("is the project's for whatever key, that of the environment too", async () => {
    const { openai } = hub.client();
    expect(await rejection(openai.chat.completions.create(chatBody()))).toMatchObject({
      code: 'insufficient_quota',
      error: { rule: 'project/day' },
    });
    const neighbour = await ask(`${api(0)}/v1/jobs`, { body: chatJob(), headers: bearer('neighbour') });
    expect(neighbour.body).toMatchObject({ code: 'insufficient_quota', rule: 'project/day' });
  });
});

describe('GET /admin/v1/budgets', () => {
  it('shows every rule of every project and key with a budget, to the administrator alone', async () => {
    const refused = await ask(`${api(0)}/admin/v1/budgets`, { headers: bearer('free') });
    expect(refused).toMatchObject({ status: 401, body: { code: 'admin_token_required' } });
    const { body } = await ask<{ object: string; data: BudgetView[] }>(`${api(0)}/admin/v1/budgets?limit=100`, {
      headers: admin,
    });
    expect(body.data.map(({ project, key, rule }) => [project, key, rule])).toEqual([
      ['default', 'neighbour', 'key/day'],
      ['default', null, 'project/day'],
      ['shop', 'again', 'key/day'],
      ['shop', 'corrected', 'key/day'],
      ['shop', 'crowd', 'key/day'],
      ['shop', 'crowd', 'key/month'],
      ['shop', 'few', 'key/day'],
      ['shop', 'settled', 'key/day'],
      ['shop', 'settled', 'key/month'],
      ['shop', 'small', 'key/month'],
      ['shop', 'spent', 'key/day'],
      ['shop', 'spent', 'key/month'],
    ]);
    const recount = await ask(`${api(0)}/admin/v1/budgets/recount`, { method: 'POST', headers: admin });
    expect(recount).toMatchObject({ status: 404, body: { code: 'history_missing' } });
    expect(body.data[7]).toMatchObject({ limit_usd: 1, limit_nano: 1_000_000_000, window: 'day' });
  });

  it('is read page by page, of all or of a project', async () => {
    interface Page {
      data: { id: string }[];
      last_id: string;
      has_more: boolean;
    }
    const page = async (query: string): Promise<Page> =>
      (await ask<Page>(`${api(0)}/admin/v1/budgets?${query}`, { headers: admin })).body;
    const seen: string[] = [];
    for (let next = await page('limit=4'); ; next = await page(`limit=4&after=${next.last_id}`)) {
      seen.push(...next.data.map(({ id }) => id));
      if (!next.has_more) break;
    }
    expect(seen).toHaveLength(12);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect((await page('project=default')).data.map(({ id }) => id)).toEqual([
      'default/key/neighbour/day',
      'default/project/day',
    ]);
    for (const query of ['limit=0', 'limit=101', 'state=x', 'project=a&project=b']) {
      expect((await ask(`${api(0)}/admin/v1/budgets?${query}`, { headers: admin })).status).toBe(400);
    }
  });
});

describe('PUT /admin/v1/budgets', () => {
  const today = (): string => new Date().toISOString().slice(0, 10);
  const put = (body: Json, headers: Record<string, string> = admin, turn = 0) =>
    ask(`${api(turn)}/admin/v1/budgets`, { method: 'PUT', body, headers });

  it('sets what is spent, up or down, so that an unsound figure blocks nobody; what is reserved stays', async () => {
    const spent = { project: 'shop', key: 'corrected', period: today() };
    const full = await put({ ...spent, spent_nano: 1_000_000_000 });
    expect(full).toMatchObject({ status: 200, body: { rule: 'key/day', spent_nano: 1_000_000_000, left_nano: 0 } });
    expect((await postJob('corrected', chatJob(), 1)).body.code).toBe('insufficient_quota');
    expect((await put({ ...spent, spent_nano: 7 }, admin, 1)).body).toMatchObject({ spent_nano: 7, reserved_nano: 0 });
    expect((await postJob('corrected', chatJob())).status).toBe(202);
  });

  it.each<[string, Json, number, string]>([
    ['a key without a budget', { key: 'free' }, 404, 'budget_not_found'],
    ['an unknown project', { project: 'nobody' }, 404, 'budget_not_found'],
    ['the budget that the project has not', { key: null }, 404, 'budget_not_found'],
    ['a day that is over', { period: '2026-01-01' }, 404, 'budget_not_found'],
    [
      'a window that the key has no budget for',
      { period: new Date().toISOString().slice(0, 7) },
      404,
      'budget_not_found',
    ],
    ['a year', { period: '2026' }, 400, 'invalid_value'],
    ['less than nothing', { spent_nano: -1 }, 400, 'invalid_value'],
    ['half a nano-dollar', { spent_nano: 0.5 }, 400, 'invalid_type'],
    ['no figure', { spent_nano: undefined }, 400, 'missing_required_parameter'],
    ['a limit', { limit_nano: 5 }, 400, 'unknown_parameter'],
  ])('refuses %s', async (_what, change, status, code) => {
    const body = { project: 'shop', key: 'corrected', period: today(), spent_nano: 1, ...change };
    const answer = await put(body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('is the administrator’s alone', async () => {
    const body = { project: 'shop', key: 'corrected', period: today(), spent_nano: 0 };
    expect((await put(body, bearer('free'))).status).toBe(401);
  });
});

describe('1,000 submissions, 250 at once, against a budget for 300', () => {
  it('are accepted 300 times, to the nano-dollar, over both processes', async () => {
    const later = new Date(Date.now() + 3_600_000).toISOString();
    const job = chatJob({ request: { model: 'sim-small', max_tokens: 10 }, not_before: later });
    // A budget of nothing tells what one reserves.
    const each = Math.round(Number((await postJob('spent', job)).body.required_usd) * 1e9);
    expect(each).toBeGreaterThan(0);
    const period = new Date().toISOString().slice(0, 10);
    const left = { project: 'shop', key: 'crowd', period, spent_nano: 1_000_000_000 - 300 * each };
    await ask(`${api(0)}/admin/v1/budgets`, { method: 'PUT', body: left, headers: admin });
    const since = performance.now();
    const answers: Awaited<ReturnType<typeof postJob>>[] = [];
    // In four waves: a command waits for Redis for five seconds, on a busy machine too.
    for (let wave = 0; wave < 1_000; wave += 250) {
      answers.push(...(await Promise.all(Array.from({ length: 250 }, (_, i) => postJob('crowd', job, wave + i)))));
    }
    const count = (status: number): number => answers.filter((answer) => answer.status === status).length;
    process.stdout.write(`${count(202)} of 1,000 accepted in ${Math.round(performance.now() - since)} ms\n`);
    expect([count(202), count(429)]).toEqual([300, 700]);
    const [day, month] = await budgetsOf('crowd', 1);
    expect(day).toMatchObject({ reserved_nano: 300 * each, left_nano: 0 });
    expect(month).toMatchObject({ reserved_nano: 300 * each, spent_nano: 0 });
  }, 120_000);
});
