import type { Script } from '../../apps/simulator/src/script-book.ts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { Redis } from 'ioredis';
import type { Stack, StackProcess } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';

/*
 * The doors of a running Tokenhub as its clients use them: plain HTTP and server-sent events, beside the simulator's controls and
 * what the tests look up in Redis.
 */

export type Json = Record<string, unknown>;

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: string;
  signal?: AbortSignal;
}

export interface Answer<T = Json> {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed JSON; an empty object when the answer is none. */
  body: T;
}

/** One request; a body makes it a POST. Throws when the answer has no request id, which every answer must have. */
export async function ask<T = Json>(url: string, options: Ask = {}): Promise<Answer<T>> {
  const payload = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await fetch(url, {
    method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
    headers: { ...(payload !== undefined && { 'content-type': 'application/json' }), ...options.headers },
    body: payload,
    signal: options.signal,
    redirect: 'manual',
  });
  const text = await response.text();
  if (!/^req_[\w-]{16,}$/.test(response.headers.get('x-request-id') ?? '')) {
    throw new Error(`${url} answered ${response.status} without x-request-id: ${text.slice(0, 200)}`);
  }
  const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : {}) as T };
}

/** A job as `GET /v1/jobs/:id` answers it. */
export interface Job extends Json {
  id: string;
  type: string;
  state: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  deadline: string;
  model: string | null;
  provider: string | null;
  result: Json | null;
  error: { code: string; class: string | null; provider_status: number | null } | null;
  usage: { input_tokens: number; output_tokens: number };
  cost_usd: number;
  estimated_cost_usd: number;
  decision: { candidates: Json[]; excluded: Json[] } & Json;
  attempts: ({ n: number; state: string; model: string; error: { class: string } | null } & Json)[];
  urls: Record<'self' | 'events' | 'cancel' | 'result', string>;
  metadata: Record<string, string>;
}

/** A chat job with one short message; `simulator` steers the simulator's answer to it. */
export function chatJob(more: Json = {}, simulator?: Json): Json {
  const { request, ...envelope } = more;
  return {
    type: 'chat',
    request: chat({ ...(request as Json | undefined), ...(simulator && { simulator }) }),
    ...envelope,
  };
}

/** The body of a chat completion. */
export function chat(more: Json = {}): Json {
  return { messages: [{ role: 'user', content: 'Say hello' }], ...more };
}

/** Posts a job, which must be accepted, and gives it. */
export async function post(url: string, body: Json, headers: Record<string, string> = {}): Promise<Job> {
  const answer = await ask<Job>(`${url}/v1/jobs`, { body, headers });
  if (answer.status !== 202 && answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}

export async function read(url: string, id: string, headers: Record<string, string> = {}): Promise<Job> {
  const answer = await ask<Job>(`${url}/v1/jobs/${id}`, { headers });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}

/** The job once it has reached one of these states; reads it again and again, also through refusals. */
export async function untilState(url: string, id: string, states: string[], timeoutMs = 30_000): Promise<Job> {
  let seen = 'nothing';
  return waitFor(
    async () => {
      const job = await read(url, id);
      seen = job.state;
      return states.includes(job.state) && job;
    },
    { timeoutMs, describe: `${id} to be ${states.join(' or ')}` },
  ).catch((error: unknown) => {
    throw new Error(`${id} is ${seen}, not ${states.join(' or ')}`, { cause: error });
  });
}

export const ENDED = ['completed', 'failed', 'cancelled', 'expired'];

export interface ServerEvent {
  id: number;
  type: string;
  data: Json;
}

/** Server-sent events as they arrive; ends with the stream, and closes the connection when it is left early. */
export async function* eventsOf(
  url: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  const response = await fetch(url, { headers, signal });
  if (response.status === 204) return;
  if (response.status !== 200 || response.body === null)
    throw new Error(`${response.status}: ${await response.text()}`);
  const arrived: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push(event) });
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    for (const { id, event, data } of arrived.splice(0)) {
      // A stream that breaks says so in a message of its own, which is no event of the job.
      if (id === undefined) continue;
      yield { id: Number(id), type: event ?? '', data: JSON.parse(data) as Json };
    }
  }
}

/** All events of a stream that ends. */
export async function allEvents(url: string, headers: Record<string, string> = {}): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(url, headers)) events.push(event);
  return events;
}

/** The content that the deltas add up to, from the last reset on. */
export function contentOf(events: ServerEvent[]): string {
  const start = events.findLastIndex((event) => event.type === 'output.reset');
  return events
    .slice(start + 1)
    .filter((event) => event.type === 'output.delta')
    .flatMap((event) => event.data.choices as { delta?: { content?: string } }[])
    .map((choice) => choice.delta?.content ?? '')
    .join('');
}

/** What a completed chat job answered. */
export function answerOf(job: Job): string {
  const choices = job.result?.choices as { message: { content: string } }[] | undefined;
  return choices?.[0]?.message.content ?? '';
}

export interface Counters {
  requests: number;
  aborted: number;
  sent: number;
  in_flight: number;
}

/** The simulator's controls. */
export class SimulatorControl {
  private readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async reset(): Promise<void> {
    await this.call('POST', 'reset');
  }

  async arm(fault: Json): Promise<void> {
    await this.call('POST', 'faults', fault);
  }

  async clearFaults(): Promise<void> {
    await this.call('DELETE', 'faults');
  }

  /** Has the answers that a script matches say what it wants. */
  async script(script: Script): Promise<void> {
    await this.call('POST', 'scripts', { ...script });
  }

  async counters(): Promise<Counters> {
    return ((await this.call('GET', 'seen?limit=0')) as { counters: Counters }).counters;
  }

  /** The bodies that it was sent, oldest first. */
  async bodies(): Promise<Json[]> {
    const seen = (await this.call('GET', 'seen')) as { requests: { body: Json }[] };
    return seen.requests.map((request) => request.body);
  }

  async until(reached: (counters: Counters) => boolean, timeoutMs = 30_000): Promise<Counters> {
    return waitFor(
      async () => {
        const counters = await this.counters();
        return reached(counters) && counters;
      },
      { timeoutMs, describe: 'the simulator to have seen it' },
    );
  }

  private async call(method: string, path: string, body?: Json): Promise<Json> {
    const response = await fetch(`${this.url}/_control/${path}`, { method, body: body && JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status}: ${text}`);
    return JSON.parse(text) as Json;
  }
}

/** Keys that change by themselves: signs of life, the registry and its pools, the API keys, the vault, the reconciler’s own queue, what BullMQ checked and counted last. */
const RESTLESS =
  /^\{th\}:(presence:|processes$|registry|pools$|api-keys|vault|reconciler|health:|latencies$|webhook-drainer$|webhook-endpoints$|(webhooks|orchestration):(meta|stalled-check|marker)$|pool\.[^:]+:(stalled-check|limiter|marker)$)/;

/** Every key that work leaves behind, with how much is in it: jobs, calls, events, indexes, queues. */
export async function footprint(redisUrl: string): Promise<Record<string, string>> {
  const redis = new Redis(redisUrl);
  try {
    const names = (await redis.keys('*')).filter((name) => !RESTLESS.test(name)).sort();
    const sizes = await Promise.all(names.map((name) => sizeOf(redis, name)));
    return Object.fromEntries(names.map((name, i) => [name, sizes[i] ?? '']));
  } finally {
    redis.disconnect();
  }
}

async function sizeOf(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return `string ${await redis.get(key)}`;
    case 'hash':
      return `hash ${await redis.hlen(key)}`;
    case 'zset':
      return `zset ${await redis.zcard(key)}`;
    case 'list':
      return `list ${await redis.llen(key)}`;
    case 'stream':
      return `stream ${await redis.xlen(key)}`;
    default:
      return type;
  }
}

/** Everything that Redis holds, as text; for looking for what must not be there. */
export async function everythingIn(redisUrl: string): Promise<string> {
  const redis = new Redis(redisUrl);
  try {
    const parts: string[] = [];
    for (const key of await redis.keys('*')) parts.push(key, JSON.stringify(await valueOf(redis, key)));
    return parts.join('\n');
  } finally {
    redis.disconnect();
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'zset':
      return redis.zrange(key, 0, '-1', 'WITHSCORES');
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return null;
  }
}

/** The only worker that runs, and by that the one that has the next job; throws when there is another, or none. */
export function onlyWorker(stack: Stack): StackProcess {
  const [worker, ...others] = stack.workers.filter((one) => one.isRunning());
  if (worker === undefined || others.length > 0) throw new Error(`${others.length + (worker ? 1 : 0)} workers run`);
  return worker;
}
