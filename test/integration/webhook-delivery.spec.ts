import { Queue } from 'bullmq';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { HookTarget } from '#contracts/webhook.js';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import type { NewJob } from '#jobs/job-record.js';
import type { WebhookProject } from '#platform/config/config.js';
import { KEY_PREFIX, keys, WEBHOOK_QUEUE } from '#platform/keys.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { WebhookQueue } from '#queues/webhook-queue.js';
import type { CredentialResult } from '#registry/credentials.js';
import { waitFor } from '#testing/wait-for.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { Deliver } from '../../apps/worker/src/webhooks/deliver.js';
import {
  type Delivery,
  deliveryIdOf,
  DeliveryStore,
  fromFields,
} from '../../apps/worker/src/webhooks/delivery-store.js';
import { eventId } from '../../apps/worker/src/webhooks/event-body.js';
import { OutboxReader } from '../../apps/worker/src/webhooks/outbox-reader.js';
import { MOST_TRIES } from '../../apps/worker/src/webhooks/retry-schedule.js';
import { TargetDirectory } from '../../apps/worker/src/webhooks/target-directory.js';
import { WebhookRole } from '../../apps/worker/src/webhooks/webhook-role.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { silent } from './support/worker-rig.js';

const fixture = new RedisFixture();
const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const HOOK: HookTarget = { endpoint: 'hook', url: null, events: ['job.*'] };

let receiver: WebhookReceiver;
let deliveries: DeliveryStore;
let queue: WebhookQueue;
let bullmq: Queue;
let projects: WebhookProject[];

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
  deliveries = new DeliveryStore(fixture.redis);
  queue = new WebhookQueue(fixture.redis, fixture.onError);
  bullmq = new Queue(WEBHOOK_QUEUE, { connection: fixture.redis, prefix: KEY_PREFIX });
  fixture.after(async () => {
    await queue.close();
    await bullmq.close();
  });
  const secret = { source: 'env', name: 'S' } as const;
  const endpoint = { id: 'hook', url: receiver.url('/hook'), secret, events: ['job.*'] as const };
  projects = [{ id: 'default', webhookSecret: secret, webhookEndpoints: [endpoint] }];
});

afterEach(async () => {
  await receiver.stop();
});

const secrets = { env: { S: SECRET }, configSecrets: new Map<string, string>() };

function guarded(allow: string[]): HttpClient {
  return new HttpClient({ guard: new AddressGuard(new OutboundPolicy(allow)) });
}

/** A worker's whole part in webhooks, in this process; gone with the test. */
function startRole(processId: string, allow = ['127.0.0.1']): { stop: () => Promise<void> } {
  const { redis, store } = fixture;
  const http = guarded(allow);
  const blocking = redis.duplicate();
  const role = new WebhookRole({
    redis,
    blocking,
    processId,
    http,
    projects,
    secrets,
    jobs: store,
    random: () => 0.5,
    logger: silent,
  });
  role.onApplicationBootstrap();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= role.onModuleDestroy());
  fixture.after(stop);
  return { stop };
}

/** One try of a delivery, without the queue. */
function deliver(allow = ['127.0.0.1'], env: Record<string, string> = { S: SECRET }): Deliver {
  const http = guarded(allow);
  fixture.after(() => http.close());
  return new Deliver({
    deliveries,
    http,
    targets: new TargetDirectory({ projects }, { ...secrets, env }),
    jobs: fixture.store,
    logger: silent,
    random: () => 0.5,
  });
}

/** A job that has ended, with an entry in the outbox. */
async function endedJob(hooks: HookTarget[] = [HOOK]): Promise<NewJob> {
  const job = newJob({ hooks });
  await fixture.store.create(job);
  await fixture.store.cancel(job.id);
  return job;
}

const idOf = (job: NewJob): string => `${eventId(job.id, 'job.cancelled')}.hook`;

async function accepted(hooks?: HookTarget[]): Promise<Delivery> {
  const job = await endedJob(hooks);
  const { endpoint, url } = hooks?.[0] ?? HOOK;
  const [id = ''] = await deliveries.accept([
    { jobId: job.id, project: 'default', state: 'cancelled', at: Date.now(), endpoint, url },
  ]);
  return known(id);
}

async function known(id: string): Promise<Delivery> {
  const delivery = await deliveries.read(id);
  if (delivery === null) throw new Error(`there is no delivery ${id}`);
  return delivery;
}

const isDelivered = async (id: string): Promise<boolean> => (await deliveries.read(id))?.status === 'delivered';

it('while the vault with its secret is locked, a delivery waits and uses up no try', async () => {
  let isOpen = false;
  const escrow = {
    find: (): CredentialResult =>
      isOpen ? { state: 'resolved', secret: SECRET } : { state: 'unavailable', reason: 'the vault is locked' },
  };
  projects = projects.map((project) => ({
    ...project,
    webhookEndpoints: project.webhookEndpoints.map((one) => ({ ...one, secret: { source: 'escrow', name: 'hook' } })),
  }));
  const http = guarded(['127.0.0.1']);
  fixture.after(() => http.close());
  const targets = new TargetDirectory({ projects }, { ...secrets, escrow });
  const one = new Deliver({ ...{ deliveries, http, targets, jobs: fixture.store, logger: silent }, random: () => 0.5 });
  const { id } = await accepted();
  for (let i = 0; i <= MOST_TRIES; i++) await expect(one.run(id)).rejects.toMatchObject({ name: 'RetryLater' });
  expect(await known(id)).toMatchObject({ status: 'pending', attempts: 0 });
  isOpen = true;
  await one.run(id);
  expect(await known(id)).toMatchObject({ status: 'delivered', attempts: 1 });
});

describe('an entry of the outbox', () => {
  it('is delivered once, and then neither the outbox nor the queue has it', async () => {
    startRole('worker-1');
    const job = await endedJob();
    await waitFor(() => isDelivered(idOf(job)));
    expect(receiver.at('/hook')).toHaveLength(1);
    expect(await fixture.redis.xlen(keys.webhookOutbox())).toBe(0);
    await waitFor(async () => (await bullmq.getJob(idOf(job))) === undefined);
    expect(await fixture.redis.pttl(keys.webhookDelivery(idOf(job)))).toBeGreaterThan(0);
    expect(fixture.errors).toEqual([]);
  });

  it('that a process read but died before it was queued is delivered by another', async () => {
    const job = await endedJob();
    // As far as the process came: the delivery is noted, the turn is its own, the entry still there.
    const [[, fields] = ['', []]] = await fixture.redis.xrange(keys.webhookOutbox(), '-', '+');
    const pairs = Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : [])));
    await deliveries.accept([fromFields(pairs)]);
    await fixture.redis.set(keys.webhookDrainer(), 'worker-dead', 'PX', 1_000);
    startRole('worker-2');
    await waitFor(() => isDelivered(idOf(job)));
    expect(receiver.at('/hook')).toHaveLength(1);
  });

  it('that a process queued but died before it took it out is delivered once', async () => {
    const job = await endedJob();
    const entries = await fixture.redis.xrange(keys.webhookOutbox(), '-', '+');
    startRole('worker-1');
    await waitFor(() => isDelivered(idOf(job)));
    // The same entry once more, as if it had stayed.
    await fixture.redis.xadd(keys.webhookOutbox(), '*', ...(entries[0]?.[1] ?? []));
    await waitFor(async () => (await fixture.redis.xlen(keys.webhookOutbox())) === 0);
    await queue.enqueue([{ deliveryId: idOf(job) }]);
    await waitFor(async () => (await bullmq.getJob(idOf(job))) === undefined);
    expect(receiver.at('/hook')).toHaveLength(1);
  });

  it('is delivered once although three processes think it is their turn', async () => {
    const readers = ['worker-1', 'worker-2', 'worker-3'].map((processId) => {
      const { redis, onError } = fixture;
      const reader = new OutboxReader({ redis, blocking: redis.duplicate(), processId, deliveries, queue, onError });
      reader.start();
      fixture.after(() => reader.stop());
      return reader;
    });
    startRole('worker-4');
    const jobs: NewJob[] = [];
    for (let n = 0; n < 60; n += 1) {
      jobs.push(await endedJob());
      // The turn is taken from whoever has it, again and again.
      await fixture.redis.del(keys.webhookDrainer());
    }
    for (const job of jobs) await waitFor(() => isDelivered(idOf(job)));
    const ids = receiver.at('/hook').map(({ headers }) => headers['webhook-id']);
    expect(ids.toSorted()).toEqual(jobs.map((job) => eventId(job.id, 'job.cancelled')).toSorted());
    expect([readers.length, await fixture.redis.xlen(keys.webhookOutbox())]).toEqual([3, 0]);
  });

  it('waits in Redis while no worker runs, whatever becomes of the job', async () => {
    const job = await endedJob();
    expect(await fixture.redis.pttl(keys.webhookOutbox())).toBe(-1);
    expect(await fixture.store.delete(job.id, 'default')).toBe('deleted');
    startRole('worker-1');
    const [received] = await receiver.until('/hook', 1);
    const body: unknown = new Webhook(SECRET).verify(received?.body ?? '', received?.headers as Record<string, string>);
    expect(body).toMatchObject({ type: 'job.cancelled', data: { id: job.id, state: 'cancelled' } });
    expect(received?.body).not.toContain('Say it.');
  });
});

describe('a delivery', () => {
  it('that fails waits in Redis for its time, with ids alone in the queue', async () => {
    receiver.answer('/hook', (response) => response.writeHead(500).end('why'));
    startRole('worker-1');
    const job = await endedJob();
    await waitFor(async () => (await bullmq.getDelayedCount()) === 1);
    const waiting = await bullmq.getJob(idOf(job));
    expect(waiting?.data).toEqual({ deliveryId: idOf(job) });
    expect(waiting?.delay).toBe(5_000);
    expect(await deliveries.read(idOf(job))).toMatchObject({ status: 'pending', attempts: 1 });
    expect(await fixture.redis.pttl(keys.webhookDelivery(idOf(job)))).toBe(-1);
    expect(JSON.stringify(await fixture.redis.hgetall(`${KEY_PREFIX}:${WEBHOOK_QUEUE}:${idOf(job)}`))).not.toMatch(
      /why|http:/,
    );
  });

  it('is given up after the last try, and found among the dead with its reason', async () => {
    receiver.answer('/hook', (response) => response.writeHead(503).end());
    const { id } = await accepted();
    const delivering = deliver();
    for (let n = 1; n < MOST_TRIES; n += 1) {
      await expect(delivering.run(id)).rejects.toMatchObject({ name: 'RetryLater' });
      // Its time has come.
      await fixture.redis.hset(keys.webhookDelivery(id), 'next_at', Date.now() - 1);
    }
    await delivering.run(id);
    expect(receiver.at('/hook')).toHaveLength(MOST_TRIES);
    expect(new Set(receiver.at('/hook').map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await deliveries.read(id)).toMatchObject({ status: 'dead', attempts: MOST_TRIES });
    const [dead = '{}'] = await fixture.redis.lrange(keys.webhooksDead(), 0, '-1');
    expect(JSON.parse(dead)).toMatchObject({ id, reason: 'http_503', http_status: 503, attempts: MOST_TRIES });
    await delivering.run(id);
    expect(receiver.at('/hook')).toHaveLength(MOST_TRIES);
  });

  it('that a shutdown interrupts is given back: another worker makes it, under the same id and as the first try', async () => {
    receiver.answer('/hook', (response, n) => (n === 1 ? undefined : response.writeHead(204).end()));
    const first = startRole('worker-1');
    const job = await endedJob();
    await receiver.until('/hook', 1);
    const closing = performance.now();
    await first.stop();
    expect(performance.now() - closing).toBeLessThan(10_000);
    expect(await deliveries.read(idOf(job))).toMatchObject({ status: 'pending', attempts: 0 });
    startRole('worker-2');
    await waitFor(() => isDelivered(idOf(job)));
    expect((await known(idOf(job))).attempts).toBe(1);
    expect(new Set(receiver.at('/hook').map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('with a payload that is none fails at once, unrun', async () => {
    startRole('worker-1');
    await bullmq.add('delivery', { deliveryId: 7 }, { attempts: 1_000_000, backoff: { type: 'custom' } });
    await waitFor(async () => (await bullmq.getFailedCount()) === 1);
    expect(receiver.received).toEqual([]);
  });

  it('that is brought before its time, as after a crash, is sent back without a try', async () => {
    receiver.answer('/hook', (response) => response.writeHead(500).end());
    const { id } = await accepted();
    await expect(deliver().run(id)).rejects.toMatchObject({ delayMs: 5_000 });
    await expect(deliver().run(id)).rejects.toMatchObject({ name: 'RetryLater' });
    expect([receiver.at('/hook').length, (await known(id)).attempts]).toEqual([1, 1]);
  });

  it('to an endpoint that wants no more ends it for this URL, and not for another', async () => {
    receiver.answer('/hook', (response) => response.writeHead(410).end());
    await deliver().run((await accepted()).id);
    const next = await accepted();
    await deliver().run(next.id);
    expect(await known(next.id)).toMatchObject({ status: 'dead' });
    expect(receiver.at('/hook')).toHaveLength(1);
    const [project] = projects;
    const [endpoint] = project?.webhookEndpoints ?? [];
    if (!project || !endpoint) throw new Error('there is an endpoint');
    projects = [{ ...project, webhookEndpoints: [{ ...endpoint, url: receiver.url('/moved') }] }];
    const third = await accepted();
    await deliver().run(third.id);
    expect([receiver.at('/moved').length, (await known(third.id)).status]).toEqual([1, 'delivered']);
  });

  it('to a job’s own URL that wants no more disables nothing', async () => {
    receiver.answer('/own', (response) => response.writeHead(410).end());
    const own: HookTarget = { endpoint: null, url: receiver.url('/own'), events: ['job.*'] };
    const { id } = await accepted([own]);
    await deliver().run(id);
    expect([(await known(id)).status, await fixture.redis.exists(keys.webhooksDisabled())]).toEqual(['dead', 0]);
  });

  it.each<[string, string[], Record<string, string>, string]>([
    ['a private address', [], { S: SECRET }, 'address_refused'],
    ['no secret in this process', ['127.0.0.1'], {}, 'secret_missing'],
    ['a secret of the wrong form', ['127.0.0.1'], { S: 'wrong' }, 'secret_invalid'],
  ])('is not sent to a receiver with %s, says so, and is tried again', async (_case, allow, env, reason) => {
    const { id } = await accepted();
    await expect(deliver(allow, env).run(id)).rejects.toMatchObject({ delayMs: 5_000 });
    expect(await fixture.redis.hgetall(keys.webhookDelivery(id))).toMatchObject({
      reason,
      attempts: '1',
      http_status: '',
    });
    expect(receiver.received).toEqual([]);
  });

  it('to an endpoint that is declared no longer is given up', async () => {
    const { id } = await accepted();
    projects = [];
    await deliver().run(id);
    const [dead = '{}'] = await fixture.redis.lrange(keys.webhooksDead(), 0, '-1');
    expect(JSON.parse(dead)).toMatchObject({ id, reason: 'endpoint_removed' });
  });

  it('has an id for each target of an event, and the event one for all', () => {
    const entry = { jobId: 'job_1', project: 'p', state: 'failed', at: 1, url: null } as const;
    expect(deliveryIdOf({ ...entry, endpoint: null })).toBe(eventId('job_1', 'job.failed'));
    expect(deliveryIdOf({ ...entry, endpoint: 'a.b' })).toBe(`${eventId('job_1', 'job.failed')}.a.b`);
  });
});
