import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BadRequestError, RateLimitError, type OpenAI } from 'openai';
import { waitFor } from '#testing/wait-for.js';
import { ask, chat, chatJob, footprint, type Answer, type Job, type Json } from './doors.js';
import {
  chatBody,
  openAiConfig,
  rejection,
  startOpenAiStack,
  streamBody,
  type OpenAiStack,
  type SimulatorClient,
} from './openai-stack.js';

/* A key's own limits, at every door of two API processes. Each test has a key of its own. */

const ENVIRONMENT_KEY = 'th_environment_0123456789';
const LIMITS = {
  burst: { rpm: 30 },
  stream: { rpd: 1 },
  day: { rpd: 4 },
  spent: { rpd: 1, tpd: 100_000 },
  tokens: { tpm: 400 },
  small: { tpm: 60, rpd: 10 },
  once: { rpd: 1 },
  alone: { concurrency: 1 },
  explain: { rpd: 1 },
  free: {},
};
type KeyName = keyof typeof LIMITS;
const secretOf = (name: KeyName): string => `th_${name}_0123456789abcdef`;
const bearer = (name: KeyName) => ({ authorization: `Bearer ${secretOf(name)}` });

let hub: OpenAiStack;
let simulator: SimulatorClient;
let urls: string[];

beforeAll(async () => {
  const names = Object.keys(LIMITS) as KeyName[];
  hub = await startOpenAiStack({
    auth: 'on',
    apis: 2,
    apiKey: ENVIRONMENT_KEY,
    env: { TOKENHUB_API_KEY: ENVIRONMENT_KEY },
    config: (url) => ({
      ...openAiConfig(url),
      projects: [
        {
          id: 'default',
          keys: names.map((id) => ({
            id,
            sha256: hash('sha256', secretOf(id)),
            scopes: ['jobs', 'chat'],
            limits: LIMITS[id],
          })),
        },
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

/** Asks until it is refused: what trickles in meanwhile is taken, too. */
async function exhaust(openai: OpenAI): Promise<RateLimitError> {
  return waitFor(
    async () => {
      const asked = Array.from({ length: 10 }, () => openai.chat.completions.create(chatBody(), { maxRetries: 0 }));
      const refused = (await Promise.allSettled(asked)).find(({ status }) => status === 'rejected');
      if (!refused) return false;
      expect((refused as PromiseRejectedResult).reason).toBeInstanceOf(RateLimitError);
      return (refused as PromiseRejectedResult).reason as RateLimitError;
    },
    { describe: 'the limit to be reached' },
  );
}

describe("OpenAI's SDK", () => {
  it('sees what is left, and waits as it is told when nothing is', async () => {
    const { openai, calls } = hub.client(secretOf('burst'));
    const { response } = await openai.chat.completions.create(chatBody()).withResponse();
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'ratelimit-policy': '"rpm";q=30;w=60;qu="requests"',
      ratelimit: '"rpm";r=29;t=2',
      'x-ratelimit-limit-requests': '30',
      'x-ratelimit-remaining-requests': '29',
      'x-ratelimit-reset-requests': '2s',
    });
    const refused = await exhaust(openai);
    expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error', param: null });
    expect(refused.message).toMatch(/The key burst may make 30 requests a minute \(rule rpm\); try again in [12] s\.$/);
    expect(refused.error).toMatchObject({ rule: 'rpm', limit: 30, retry_after_ms: expect.any(Number) });
    expect(refused.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(refused.headers.get('ratelimit')).toBe(`"rpm";r=0;t=${refused.headers.get('retry-after')}`);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');

    const needed = await waitFor(
      async () => {
        await exhaust(openai);
        const before = calls();
        await openai.chat.completions.create(chatBody());
        // A machine that stands still for two seconds has a unit back before it asks.
        return calls() - before > 1 && calls() - before;
      },
      { describe: 'the SDK to be refused, and to succeed' },
    );
    // One refusal, obeyed.
    expect(needed).toBe(2);
  });

  it('has the headers of a stream with the first of it, and an error before it when refused', async () => {
    const { openai, calls } = hub.client(secretOf('stream'));
    const { data, response } = await openai.chat.completions.create(streamBody()).withResponse();
    expect(response.headers.get('ratelimit')).toMatch(/^"rpd";r=0;t=86400$/);
    let chunks = 0;
    for await (const chunk of data) chunks += chunk.choices.length;
    expect(chunks).toBeGreaterThan(1);

    const before = calls();
    const error = await rejection(openai.chat.completions.create(streamBody()));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ code: 'rate_limit_exceeded' });
    // It would have to wait for a day: it is told not to try.
    expect(calls() - before).toBe(1);
  });

  it('has an error that no retry can mend when a request alone is beyond the limit', async () => {
    const { openai, calls } = hub.client(secretOf('small'));
    const error = await rejection(openai.chat.completions.create(chatBody({ max_tokens: 100 })));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: 'key_limit_exceeded' });
    expect((error as Error).message).toMatch(
      /The key small may use 60 tokens a minute \(rule tpm\), and this request counts 1\d\d tokens/,
    );
    expect(calls()).toBe(1);
    const { response } = await openai.chat.completions.create(chatBody({ max_tokens: 10 })).withResponse();
    expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('9');
  });
});

describe('the job API', () => {
  it('counts both processes together and refuses with a problem that names the rule', async () => {
    for (let i = 0; i < 4; i++) {
      const { status, headers } = await postJob('day', chatJob(), i);
      expect({ status, left: headers.get('x-ratelimit-remaining-requests') }).toEqual({
        status: 202,
        left: String(3 - i),
      });
    }
    for (let i = 0; i < 2; i++) {
      const { status, headers, body } = await postJob('day', chatJob(), i);
      expect(status).toBe(429);
      expect(headers.get('content-type')).toBe('application/problem+json');
      expect(body).toMatchObject({ code: 'rate_limit_exceeded', status: 429, rule: 'rpd', limit: 4 });
      expect(body.detail).toMatch(/^The key day may make 4 requests a day \(rule rpd\); try again in 21\d{3} s\.$/);
      expect(headers.get('retry-after')).toBe(String(Math.ceil(Number(body.retry_after_ms) / 1_000)));
      expect(headers.get('x-should-retry')).toBe('false');
    }
  });

  it('counts tokens as planned, input and output', async () => {
    const body = chatJob({ request: { max_tokens: 300 } });
    const first = await postJob('tokens', body);
    expect(first.status).toBe(202);
    const { input_tokens, output_tokens } = first.body.decision;
    expect(output_tokens).toBe(300);
    expect(Number(input_tokens)).toBeGreaterThan(0);
    expect(Number(first.headers.get('x-ratelimit-remaining-tokens'))).toBe(400 - 300 - Number(input_tokens));
    const second = await postJob('tokens', body, 1);
    expect(second).toMatchObject({ status: 429, body: { rule: 'tpm', limit: 400 } });
    // Small enough for what is left.
    expect((await postJob('tokens', chatJob({ request: { max_tokens: 10 } }))).status).toBe(202);
  });

  it('answers a replay without charging it, even when nothing is left', async () => {
    const headers = { 'idempotency-key': 'again' };
    const first = await postJob('once', chatJob(), 0, headers);
    const again = await postJob('once', chatJob(), 1, headers);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body.id).toBe(first.body.id);
    expect(again.headers.get('ratelimit')).toMatch(/^"rpd";r=0;t=\d+$/);
    expect((await postJob('once', chatJob(), 0, { 'idempotency-key': 'other' })).status).toBe(429);
  });

  it('lets a key have only so many unfinished jobs, and the next as soon as one has ended', async () => {
    const hanging = chatJob({ request: { model: 'sim-small' } }, { fault: { kind: 'hang' } });
    const first = await postJob('alone', hanging);
    expect(first.headers.get('ratelimit')).toBe('"concurrency";r=0');
    await simulator.until(({ requests }) => requests === 1, 'the call to hang');
    const refused = await postJob('alone', chatJob(), 1);
    expect(refused).toMatchObject({ status: 429, body: { rule: 'concurrency', limit: 1, retry_after_ms: 1_000 } });
    expect(refused.headers.get('retry-after')).toBe('1');
    await ask(`${api(0)}${first.body.urls.cancel}`, { method: 'POST', headers: bearer('alone') });
    const next = await waitFor(
      async () => {
        const answer = await postJob('alone', chatJob(), 1, { prefer: 'wait=10' });
        return answer.status === 200 && answer;
      },
      { describe: 'the next job to be taken' },
    );
    expect(next.body.state).toBe('completed');
    expect((await postJob('alone', chatJob(), 0, { prefer: 'wait=10' })).body.state).toBe('completed');
  });

  it('explains without charging', async () => {
    for (let i = 0; i < 3; i++) {
      const explained = await ask(`${api(i)}/v1/route/explain`, { body: chatJob(), headers: bearer('explain') });
      expect(explained.status).toBe(200);
      expect(explained.headers.get('ratelimit')).toBeNull();
    }
    expect((await postJob('explain', chatJob())).headers.get('x-ratelimit-remaining-requests')).toBe('0');
  });
});

describe('a refusal', () => {
  it('writes nothing at any door, charges no other rule, and concerns no other key of the project', async () => {
    const { body: last } = await postJob('spent', chatJob(), 0, { prefer: 'wait=10' });
    expect(last.state).toBe('completed');
    await waitFor(async () => (await simulator.tally()).in_flight === 0, { describe: 'the simulator to be idle' });
    const before = await footprint(hub.stack.redis.url);
    const doors: [string, Json, Record<string, string>][] = [
      ['jobs', chatJob(), {}],
      ['jobs', chatJob(), { 'idempotency-key': 'never' }],
      ['jobs', chatJob(), { prefer: 'wait=1' }],
      ['chat/completions', chat(), {}],
      ['chat/completions', chat({ stream: true }), {}],
      ['chat/completions', chat(), { prefer: 'respond-async' }],
      ['completions', { prompt: 'Once' }, {}],
    ];
    for (const [door, body, headers] of doors) {
      for (const url of urls) {
        const answer = await ask(`${url}/v1/${door}`, { body, headers: { ...bearer('spent'), ...headers } });
        expect({ door, status: answer.status }).toEqual({ door, status: 429 });
        expect(answer.text).toContain('(rule rpd)');
      }
    }
    expect(await footprint(hub.stack.redis.url)).toEqual(before);

    const free = await postJob('free', chatJob());
    expect(free.status).toBe(202);
    expect([...free.headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([]);
    const { response } = await hub.client().openai.chat.completions.create(chatBody()).withResponse();
    expect(response.headers.get('ratelimit')).toBeNull();
  });
});
