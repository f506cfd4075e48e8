import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { OpenAI } from 'openai';
import { Webhook } from 'standardwebhooks';
import { simulatorConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { type Received, WebhookReceiver } from '#testing/webhook-receiver.js';
import { ask, chatJob, ENDED, everythingIn, type Json, onlyWorker, post, untilState } from './doors.js';

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const projectSecret = newSecret();
const hookSecret = newSecret();

/** A killed worker's deliveries are found by their locks: 8 s, looked at every 3 s; the rest is the shared machine. */
const RECOVERY_MS = 20_000;

let receiver: WebhookReceiver;
let stack: Stack;
let redis: Redis;

beforeAll(async () => {
  receiver = await WebhookReceiver.start();
  const secret = { source: 'env', name: 'HOOK_SECRET' };
  const projects = [
    {
      id: 'default',
      webhook_secret: { source: 'env', name: 'PROJECT_SECRET' },
      webhook_endpoints: [
        { id: 'all', url: receiver.url('/all'), secret },
        { id: 'gone', url: receiver.url('/gone'), secret, events: ['job.cancelled'] },
      ],
    },
  ];
  stack = await startStack({
    config: (url) => ({ ...simulatorConfig(url), projects }),
    env: { TOKENHUB_WEBHOOK_ALLOW: '127.0.0.1', PROJECT_SECRET: projectSecret, HOOK_SECRET: hookSecret },
  });
  redis = new Redis(stack.redis.url);
});

afterAll(async () => {
  redis.disconnect();
  await stack.stop();
  await receiver.stop();
});

interface Event {
  id: string;
  object: string;
  type: string;
  created_at: number;
  timestamp: string;
  data: Json & { id: string; state: string };
}

const eventOf = ({ body }: Received): Event => JSON.parse(body) as Event;
const of = (jobId: string, received: Received[]): Received[] =>
  received.filter((one) => eventOf(one).data.id === jobId);

/** A completed job that names this path as its webhook. */
async function completedJob(path: string, more: Json = {}): Promise<string> {
  const job = await post(stack.url, chatJob({ webhook: { url: receiver.url(path) }, ...more }));
  expect((await untilState(stack.url, job.id, ENDED)).state).toBe('completed');
  return job.id;
}

/** How a delivery goes, as its record has it. */
async function deliveryOf(received: Received | undefined, endpoint = ''): Promise<Record<string, string>> {
  return redis.hgetall(`{th}:webhook-delivery:${String(received?.headers['webhook-id'])}${endpoint}`);
}

describe('a finished job', () => {
  it('is told to its own URL and to its project’s endpoint, once each, signed so that both official verifiers accept it', async () => {
    const id = await completedJob('/own');
    const [own] = await receiver.until('/own', 1);
    const hook = await waitFor(() => of(id, receiver.at('/all'))[0]);
    for (const [received, secret] of [
      [own, projectSecret],
      [hook, hookSecret],
    ] as const) {
      if (!received) throw new Error('nothing arrived');
      const headers = received.headers as Record<string, string>;
      expect(new Webhook(secret).verify(received.body, headers)).toMatchObject({ data: { id, state: 'completed' } });
      const event = await new OpenAI({ apiKey: 'unused' }).webhooks.unwrap(received.body, headers, secret);
      expect(event).toMatchObject({ id: headers['webhook-id'], object: 'event', type: 'job.completed' });
      expect(() => new Webhook(newSecret()).verify(received.body, headers)).toThrow('No matching signature');
    }
    const event = eventOf(hook);
    const job = (await ask(`${stack.url}/v1/jobs/${id}`)).body;
    expect(event.data).toEqual(job);
    expect(event).toMatchObject({
      timestamp: job.finished_at,
      created_at: Math.floor(Date.parse(event.timestamp) / 1000),
    });
    await waitFor(async () => (await deliveryOf(own)).status === 'delivered');
    await waitFor(async () => (await deliveryOf(hook, '.all')).status === 'delivered');
    expect([receiver.at('/own').length, of(id, receiver.at('/all')).length]).toEqual([1, 1]);
    expect([await redis.xlen('{th}:webhook-outbox'), of(id, receiver.at('/gone')).length]).toEqual([0, 0]);
  });

  it('that was synchronous is told to the endpoint too', async () => {
    const answer = await ask(`${stack.url}/v1/chat/completions`, {
      body: { model: 'sim-small', messages: [{ role: 'user', content: 'hi' }] },
    });
    const id = answer.headers.get('x-tokenhub-job-id') ?? '';
    const hook = await waitFor(() => of(id, receiver.at('/all'))[0]);
    expect(eventOf(hook)).toMatchObject({ type: 'job.completed', data: { id, state: 'completed' } });
  });

  it('with a large answer is told without it', async () => {
    const id = await completedJob('/large', { request: { simulator: { output_tokens: 8_000 }, max_tokens: 8_000 } });
    const [received] = await receiver.until('/large', 1);
    expect(received && Buffer.byteLength(received.body)).toBeLessThan(20_000);
    expect(received && eventOf(received).data).toMatchObject({ id, state: 'completed', urls: expect.anything() });
    expect(received && eventOf(received).data).not.toHaveProperty('result');
  });
});

describe('a receiver', () => {
  it('that fails is asked again after about five seconds, with the same id and a new time', async () => {
    receiver.answer('/flaky', (response, n) => response.writeHead(n === 1 ? 500 : 200).end());
    await completedJob('/flaky');
    const [first, second] = await receiver.until('/flaky', 2);
    if (!first || !second) throw new Error('nothing arrived');
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    expect(Number(second.headers['webhook-timestamp'])).toBeGreaterThan(Number(first.headers['webhook-timestamp']));
    expect(second.at - first.at).toBeGreaterThanOrEqual(4_400);
    expect(second.body).toBe(first.body);
    await waitFor(async () => (await deliveryOf(second)).status === 'delivered');
    expect(await deliveryOf(second)).toMatchObject({ attempts: '2', http_status: '200' });
  });

  it('that answers 410 is never asked again, and its endpoint gets nothing more', async () => {
    receiver.answer('/gone', (response) => response.writeHead(410).end());
    const cancelled = async (): Promise<string> => {
      const later = new Date(Date.now() + 3_600_000).toISOString();
      const job = await post(stack.url, chatJob({ not_before: later }));
      await ask(`${stack.url}${job.urls.cancel}`, { method: 'POST' });
      return job.id;
    };
    await cancelled();
    const [first] = await receiver.until('/gone', 1);
    await waitFor(async () => (await deliveryOf(first, '.gone')).status === 'dead');
    expect(await deliveryOf(first, '.gone')).toMatchObject({ reason: 'http_410', attempts: '1' });
    const second = await cancelled();
    const told = await waitFor(() => of(second, receiver.at('/all'))[0]);
    await waitFor(async () => (await deliveryOf(told, '.gone')).status === 'dead');
    expect(await deliveryOf(told, '.gone')).toMatchObject({ reason: 'endpoint_disabled' });
    expect(receiver.at('/gone')).toHaveLength(1);
    expect(await redis.lrange('{th}:webhooks-dead', 0, -1)).toHaveLength(1);
  });

  it('that redirects has failed, and nothing goes where it points', async () => {
    receiver.answer('/moved', (response) => response.writeHead(307, { location: receiver.url('/elsewhere') }).end());
    await completedJob('/moved');
    const [received] = await receiver.until('/moved', 1);
    await waitFor(async () => (await deliveryOf(received)).attempts === '1');
    expect(await deliveryOf(received)).toMatchObject({ status: 'pending', reason: 'redirect', http_status: '307' });
    expect(receiver.at('/elsewhere')).toEqual([]);
  });

  it('that says when to come back is believed', async () => {
    receiver.answer('/busy', (response) => response.writeHead(429, { 'retry-after': '600' }).end());
    await completedJob('/busy');
    const [received] = await receiver.until('/busy', 1);
    const delivery = await waitFor(async () => {
      const fields = await deliveryOf(received);
      return fields.attempts === '1' && fields;
    });
    expect(Math.abs(Number(delivery.next_at) - Number(delivery.last_at) - 600_000)).toBeLessThan(1_000);
  });

  it('that answers without end is cut off, and its status counts', async () => {
    const closed = Promise.withResolvers<number>();
    receiver.answer('/flood', (response) => {
      let sent = 0;
      response.writeHead(200);
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (sent < 100 * 1024 * 1024 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      response.once('close', () => closed.resolve(sent));
      more();
    });
    await completedJob('/flood');
    expect(await closed.promise).toBeLessThan(20 * 1024 * 1024);
    const [received] = receiver.at('/flood');
    await waitFor(async () => (await deliveryOf(received)).status === 'delivered');
  });

  it('that hangs is left after fifteen seconds', async () => {
    const dropped = Promise.withResolvers<number>();
    receiver.answer('/hang', (response) => response.once('close', () => dropped.resolve(Date.now())));
    await completedJob('/hang');
    const [received] = await receiver.until('/hang', 1);
    expect((await dropped.promise) - (received?.at ?? 0)).toBeGreaterThan(13_000);
    await waitFor(async () => (await deliveryOf(received)).reason === 'answer_timeout');
  });
});

describe('at the door', () => {
  const refused = async (webhook: Json): Promise<Json> => {
    const answer = await ask(`${stack.url}/v1/jobs`, { body: chatJob({ webhook }) });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    return answer.body;
  };

  it.each([
    ['http://example.org/hook', 'must be https'],
    ['ftp://example.org/hook', 'must be https'],
    ['https://user:word@example.org/', 'user name or password'],
    ['https://example.org:22/', 'port 443 or 8443'],
    ['https://10.0.0.1/', 'private address'],
    ['https://169.254.169.254/latest', 'private address'],
    ['https://[::ffff:10.0.0.1]/', 'private address'],
    ['https://localhost/', 'private host'],
    ['hook', 'is not a URL'],
  ])('%s is refused', async (url, detail) => {
    expect(await refused({ url })).toMatchObject({ code: 'invalid_value', detail: expect.stringContaining(detail) });
  });

  it('events that do not exist are refused by name', async () => {
    expect(await refused({ url: 'https://example.org/', events: ['job.started'] })).toMatchObject({
      code: 'invalid_value',
      errors: [{ pointer: '/webhook/events' }],
    });
  });
});

it('a worker that is killed while it delivers: another delivers again, under the same id', async () => {
  receiver.answer('/held', (response, n) => (n === 1 ? undefined : response.writeHead(200).end()));
  const doomed = onlyWorker(stack);
  const id = await completedJob('/held');
  await receiver.until('/held', 1);
  await stack.startWorker();
  await doomed.kill();
  const [first, second] = await receiver.until('/held', 2, RECOVERY_MS);
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second && eventOf(second).data).toMatchObject({ id, state: 'completed' });
  await waitFor(async () => (await deliveryOf(second)).status === 'delivered');
});

it('no secret is in Redis or in a log, and no URL of a job’s own in a log', async () => {
  const logs = [...stack.apis, ...stack.workers].flatMap(({ lines }) => lines).join('\n');
  const stored = await everythingIn(stack.redis.url);
  for (const secret of [projectSecret, hookSecret]) {
    expect(logs).not.toContain(secret.slice(6));
    expect(stored).not.toContain(secret.slice(6));
  }
  expect(logs).not.toContain('/flaky');
});
