import { createHash, randomBytes } from 'node:crypto';
import { expect } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { simulatorConfig } from '#testing/simulator-config.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { type Received, WebhookReceiver } from '#testing/webhook-receiver.js';
import { ask, chatJob, post, type Answer, type Json } from './doors.js';

/* What the suites on webhook endpoints share: two API processes and a worker with a vault, two projects, and a receiver. */

const KEYS = { house: 'th_house_0123456789abcdef', other: 'th_other_0123456789abcdef' };
export const ADMIN = 'an-administrators-token';
export type Project = keyof typeof KEYS;
export const DECLARED_SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;

export interface Endpoint extends Json {
  id: string;
  url: string;
  enabled: boolean;
  disabled: { reason: string; since: string; last_error: string | null } | null;
  secret: string;
  secrets: { hint: string; ends_at: string | null }[];
}

export interface Delivery extends Json {
  id: string;
  state: string;
  job: string;
  event_id: string;
  error: string | null;
  tries: { at: string; status: number | null; duration_ms: number; error: string | null }[];
}

export interface Page<T> extends Json {
  data: T[];
  last_id: string | null;
  has_more: boolean;
}

export class WebhookStack {
  /** Every secret that an answer showed. */
  readonly shown: string[] = [];
  /** Every answer that was to show none. */
  readonly answers: string[] = [];

  private constructor(
    readonly stack: Stack,
    readonly receiver: WebhookReceiver,
    readonly redis: Redis,
    private readonly database: Database,
  ) {}

  static async start(): Promise<WebhookStack> {
    const receiver = await WebhookReceiver.start();
    const stack = await startStack({
      ...{ appendfsync: 'no', auth: 'on', apis: 2, database: 'postgres' },
      env: {
        TOKENHUB_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
        TOKENHUB_CLUSTER_SECRET: randomBytes(32).toString('base64'),
        TOKENHUB_WEBHOOK_ALLOW: '127.0.0.1',
        TOKENHUB_ADMIN_TOKEN: ADMIN,
        TOKENHUB_LOG_LEVEL: 'debug',
        HOOK_SECRET: DECLARED_SECRET,
      },
      config: (url) => ({ ...simulatorConfig(url), projects: projects(receiver) }),
    });
    const database = connectDatabase(stack.database?.url ?? '', { name: 'test', onError: () => undefined });
    const hub = new WebhookStack(stack, receiver, new Redis(stack.redis.url), database);
    await hub.vault('init', { mode: 'env' });
    return hub;
  }

  /** Asks under /v1/webhook-endpoints as a key of this project; what it shows of secrets is remembered. */
  async ask<T = Endpoint>(
    method: string,
    path: string,
    { body, as = 'house', api = 0 }: { body?: unknown; as?: Project; api?: number } = {},
  ): Promise<Answer<T>> {
    const url = `${this.stack.apis[api]?.url ?? ''}/v1/webhook-endpoints${path}`;
    const answer = await ask<T>(url, { method, body, headers: keyOf(as) });
    const { secret } = answer.body as { secret?: unknown };
    if (typeof secret === 'string' && answer.status < 300) this.shown.push(secret);
    else this.answers.push(answer.text);
    return answer;
  }

  /** An endpoint of project `house` at a path of the receiver, with its secret. */
  async newEndpoint(path: string, more: Json = {}): Promise<Endpoint> {
    const answer = await this.ask('POST', '', { body: { url: this.receiver.url(path), ...more } });
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
    return answer.body;
  }

  async read(id: string): Promise<Endpoint> {
    const answer = await this.ask('GET', `/${id}`);
    expect(answer.status).toBe(200);
    return answer.body;
  }

  /** A job of this project that has ended in this state. */
  async endedJob(as: Project = 'house', api = 0): Promise<string> {
    const url = this.stack.apis[api]?.url ?? '';
    const job = await post(url, chatJob(), keyOf(as));
    await waitFor(async () => {
      const { body } = await ask(`${url}/v1/jobs/${job.id}?wait=10`, { headers: keyOf(as) });
      return body.state === 'completed';
    });
    return job.id;
  }

  /** What a path of the receiver has heard of this job once it is so much. */
  async heard(path: string, jobId: string, count = 1): Promise<Received[]> {
    const of = (): Received[] => this.receiver.at(path).filter(({ body }) => body.includes(jobId));
    return waitFor(() => of().length >= count && of(), { describe: `${path} to hear of ${jobId}` });
  }

  async deliveries(id: string, query = ''): Promise<Page<Delivery>> {
    const answer = await this.ask<Page<Delivery>>('GET', `/${id}/deliveries${query}`);
    expect([answer.status, answer.body.detail]).toEqual([200, undefined]);
    return answer.body;
  }

  /** The delivery of this job's end to this endpoint, once it looks like this. */
  async untilDelivery(id: string, jobId: string, like: (delivery: Delivery) => boolean): Promise<Delivery> {
    return waitFor(
      async () => {
        const found = (await this.deliveries(id)).data.find(({ job }) => job === jobId);
        return found !== undefined && like(found) && found;
      },
      { describe: `the delivery of ${jobId} to ${id}` },
    );
  }

  /** The time of every next try has come. */
  async hurry(): Promise<void> {
    for (const key of await this.redis.keys('{th}:webhook-delivery:*')) {
      if ((await this.redis.hget(key, 'status')) === 'pending') await this.redis.hset(key, 'next_at', '');
    }
    const queue = new Queue('webhooks', { connection: { url: this.stack.redis.url }, prefix: '{th}' });
    await queue.promoteJobs();
    await queue.close();
  }

  /** The delivery of this job's end once it looks like this, while the time of every next try comes at once. */
  async hurriedUntil(id: string, jobId: string, like: (delivery: Delivery) => boolean): Promise<Delivery> {
    return waitFor(
      async () => {
        await this.hurry();
        const found = (await this.deliveries(id)).data.find(({ job }) => job === jobId);
        return found !== undefined && like(found) && found;
      },
      { pauseMs: 100, describe: `the delivery of ${jobId} to ${id}` },
    );
  }

  /** Brings a delivery whose receiver fails to its end. */
  untilDead(id: string, jobId: string): Promise<Delivery> {
    return this.hurriedUntil(id, jobId, ({ state }) => state === 'dead');
  }

  /** Whether a new job at this API process tells the endpoint. */
  async isTold(id: string, api: number): Promise<boolean> {
    const jobId = await this.endedJob('house', api);
    return (await this.redis.hget(`{th}:job:${jobId}`, 'hooks'))?.includes(id) ?? false;
  }

  /** Whether the database says that it is disabled for this reason. */
  async isStored(id: string, reason: string): Promise<boolean> {
    const row = await this.database.db
      .selectFrom('settings')
      .select('definition')
      .where('id', '=', `house/${id}`)
      .execute();
    return JSON.stringify(row).includes(`"reason":"${reason}"`);
  }

  /** As if it had been made at this time. */
  async pretendArmed(id: string, ms: number): Promise<void> {
    const at = JSON.stringify(new Date(ms).toISOString());
    await sql`UPDATE settings SET definition = jsonb_set(definition::jsonb, '{armed_at}', ${at}::jsonb)
      WHERE kind = 'webhook_endpoint' AND id = ${`house/${id}`}`.execute(this.database.db);
    // Any change publishes what is stored.
    expect((await this.ask('PATCH', `/${id}`, { body: { description: 'Old' } })).status).toBe(200);
  }

  async lockVault(): Promise<void> {
    await this.vault('lock');
  }

  async unlockVault(): Promise<void> {
    await this.vault('unlock');
  }

  /** Resolves once every process holds the key of the vault, or after a lock none does. */
  private async vault(verb: 'init' | 'lock' | 'unlock', body: Json = {}): Promise<void> {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const answer = await ask(`${this.stack.url}/admin/v1/vault/${verb}`, { body, headers });
    expect([verb, answer.status < 300 ? 'done' : answer.text]).toEqual([verb, 'done']);
    const processes = [...this.stack.apis, ...this.stack.workers];
    await waitFor(
      async () => {
        const states = await Promise.all(
          processes.map(async ({ url }) => (await (await fetch(`${url}/ready`)).json()) as { vault: { key: boolean } }),
        );
        return states.every(({ vault }) => vault.key === (verb !== 'lock'));
      },
      { describe: `the vault to be known after its ${verb}` },
    );
  }

  /** All that the processes have logged. */
  logs(): string {
    return [...this.stack.apis, ...this.stack.workers].flatMap(({ lines }) => lines).join('\n');
  }

  async stop(): Promise<void> {
    this.redis.disconnect();
    await this.database.close();
    await this.stack.stop();
    await this.receiver.stop();
  }
}

export const keyOf = (project: Project): { authorization: string } => ({ authorization: `Bearer ${KEYS[project]}` });

function projects(receiver: WebhookReceiver): Json[] {
  const declared = { id: 'declared', url: receiver.url('/declared'), secret: { source: 'env', name: 'HOOK_SECRET' } };
  return Object.entries(KEYS).map(([id, key]) => ({
    id,
    keys: [{ id: `${id}-key`, sha256: createHash('sha256').update(key).digest('hex'), scopes: ['jobs'] }],
    webhook_secret: { source: 'env', name: 'HOOK_SECRET' },
    webhook_endpoints: id === 'house' ? [declared] : [],
  }));
}
