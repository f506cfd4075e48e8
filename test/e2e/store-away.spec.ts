import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '#testing/free-port.js';
import { startProcess } from '#testing/process-harness.js';
import { startRedis } from '#testing/redis-harness.js';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import {
  allEvents,
  type Answer,
  answerOf,
  ask,
  chat,
  chatJob,
  contentOf,
  eventsOf,
  type Job,
  type Json,
  post,
  read,
  type ServerEvent,
  SimulatorControl,
  untilState,
} from './doors.js';

describe('Redis that is away at the start', () => {
  it.each(['api', 'worker'] as const)(
    'is waited for by the %s, which says where it looks and why it fails',
    async (app) => {
      const [redisPort, port] = [await freePort(), await freePort()];
      const url = `http://127.0.0.1:${port}`;
      const process = startProcess({
        name: app,
        entry: `dist/apps/${app}/src/main.js`,
        env: {
          TOKENHUB_AUTH: 'off',
          TOKENHUB_PORT: String(port),
          TOKENHUB_WORKER_PORT: String(port),
          TOKENHUB_ADMIN_TOKEN: 'not-generated-for-this-test',
          REDIS_URL: `redis://user:canary-password@127.0.0.1:${redisPort}`,
        },
        isReady: async () => {
          // A worker is ready once an API process has declared the registry; here it is enough that it reaches Redis.
          const ready = await fetch(`${url}/ready`);
          return ready.status === 200 || ((await ready.json()) as Json).redis === true;
        },
      });
      const says = (): number =>
        process.lines.filter((line) => line.includes(`Redis at redis://127.0.0.1:${redisPort} does not answer`)).length;
      await waitFor(() => says() >= 2, { describe: 'the second line about Redis' });
      expect(process.lines.join('\n')).toContain('ECONNREFUSED');
      expect(process.lines.join('\n')).not.toContain('canary-password');
      expect(process.isRunning()).toBe(true);

      const redis = await startRedis({ port: redisPort, appendfsync: 'no' });
      try {
        await allowUser(redis.url);
        await process.waitUntilReady();
        expect(await process.stop()).toEqual({ code: 0, signal: null });
      } finally {
        await process.kill();
        await redis.stop();
      }
    },
  );
});

describe('Redis that goes away while jobs run', () => {
  let stack: Stack;
  let simulator: SimulatorControl;
  let url: string;

  beforeAll(async () => {
    stack = await startStack();
    simulator = new SimulatorControl(stack.simulatorUrl);
    url = stack.url;
  });

  beforeEach(async () => {
    await simulator.reset();
  });

  afterAll(async () => {
    await stack.stop();
  });

  interface Work {
    streamed: Job;
    plain: Job[];
    /** Not begun when Redis goes away. */
    later: Job;
    events: ServerEvent[];
    /** Resolves when the job has ended for the reader, however often it had to come back. */
    reading: Promise<void>;
    waiting: Promise<Answer>[];
  }

  /** Work of every kind, under way when this resolves: streamed and read, plain, delayed, and clients that wait. */
  async function startWork(ms: number): Promise<Work> {
    const tokens = ms / 50;
    const streamed = await post(
      url,
      chatJob({ request: { stream: true } }, { tokens_per_second: 20, output_tokens: tokens }),
    );
    const plain: Job[] = [];
    for (let i = 0; i < 5; i++) plain.push(await post(url, chatJob({}, { ttft_ms: (ms * i) / 4 })));
    const later = await post(url, chatJob({ not_before: new Date(Date.now() + ms / 2).toISOString() }));
    const events: ServerEvent[] = [];
    const waiting = [
      ask(`${url}/v1/chat/completions`, { body: chat({ simulator: { ttft_ms: ms } }) }),
      ask(`${url}/v1/chat/completions`, { body: chat({ simulator: { ttft_ms: ms / 2 } }) }),
    ];
    const reading = follow(streamed, events);
    reading.catch(() => undefined);
    await waitFor(() => events.some(({ type }) => type === 'output.delta'), { describe: 'the first output' });
    await simulator.until(({ requests }) => requests >= 8);
    return { streamed, plain, later, events, reading, waiting };
  }

  /** What an EventSource does: reads, and comes back with the last id that it has. */
  async function follow(job: Job, events: ServerEvent[]): Promise<void> {
    await waitFor(
      async () => {
        for await (const event of eventsOf(`${url}${job.urls.events}`, {
          'last-event-id': String(events.at(-1)?.id ?? 0),
        })) {
          events.push(event);
        }
        return events.at(-1)?.type.startsWith('job.');
      },
      { timeoutMs: 40_000, pauseMs: 100, describe: 'the reader to see the end' },
    );
  }

  /** Everything that needs the store is refused at once, in its dialect; the process says that it is up and not ready. */
  async function expectRefusals(job: Job, withinMs: number): Promise<void> {
    const startedAt = performance.now();
    const requests: { path: string; method?: string; body?: Json; headers?: Record<string, string> }[] = [
      { path: '/v1/jobs', body: chatJob() },
      { path: '/v1/jobs', body: chatJob(), headers: { 'idempotency-key': 'away' } },
      { path: '/v1/jobs' },
      { path: job.urls.self },
      { path: `${job.urls.self}?wait=30` },
      { path: job.urls.result },
      { path: job.urls.events },
      { path: job.urls.cancel, method: 'POST' },
      { path: job.urls.self, method: 'DELETE' },
      { path: '/v1/chat/completions', body: chat() },
      { path: '/v1/chat/completions', body: chat({ stream: true }) },
      { path: '/v1/completions', body: { prompt: 'Once' } },
      { path: '/v1/embeddings', body: { input: 'a' } },
    ];
    const answers = await Promise.all(requests.map(({ path, ...options }) => ask(`${url}${path}`, options)));
    expect(performance.now() - startedAt).toBeLessThan(withinMs);
    for (const [i, { status, headers, body }] of answers.entries()) {
      const { path = '' } = requests[i] ?? {};
      const isOurs = path.startsWith('/v1/jobs');
      expect({ path, status }).toEqual({ path, status: 503 });
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(headers.get('content-type')).toBe(isOurs ? 'application/problem+json' : 'application/json');
      expect((isOurs ? body : body.error) as Json).toMatchObject({ code: 'store_unavailable' });
    }
    expect((await ask(`${url}/health`)).status).toBe(200);
    expect((await ask(`${url}/ready`)).status).toBe(503);
  }

  async function expectAllDone({ streamed, plain, later, events, reading, waiting }: Work): Promise<void> {
    for (const { id } of [streamed, ...plain, later]) {
      const job = await untilState(url, id, ['completed']);
      expect(job.attempts.filter(({ state }) => state === 'completed')).toHaveLength(1);
    }
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({ status: 200, body: { object: 'chat.completion' } });
    await reading;
    expect(events.map(({ id }) => id)).toEqual(events.map((_, i) => i + 1));
    expect(events).toEqual(await allEvents(`${url}${streamed.urls.events}`));
    expect(contentOf(events)).toBe(answerOf(await read(url, streamed.id)));
  }

  it('refuses new work while Redis is dead; all that was accepted goes on when it returns', async () => {
    const work = await startWork(4_000);
    await stack.redis.kill();
    await expectRefusals(work.streamed, 10_000);
    await stack.redis.restart();
    await expectAllDone(work);
    expect((await ask(`${url}/ready`)).status).toBe(200);
    expect(await post(url, chatJob(), { prefer: 'wait=10' })).toMatchObject({ state: 'completed' });
  });

  it('refuses new work within seconds while Redis hangs, too', async () => {
    const work = await startWork(4_000);
    stack.redis.pause();
    try {
      await expectRefusals(work.streamed, 20_000);
    } finally {
      stack.redis.resume();
    }
    await expectAllDone(work);
    expect((await ask(`${url}/ready`)).status).toBe(200);
  });
});

/** The server has no such user yet, and the client keeps trying. */
async function allowUser(redisUrl: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(redisUrl);
  await redis.acl('SETUSER', 'user', 'on', '>canary-password', '~*', '&*', '+@all');
  redis.disconnect();
}
