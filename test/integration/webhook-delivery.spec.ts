import type { ServerResponse } from 'node:http';
import { Queue } from 'bullmq';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { HookTarget } from '#contracts/webhook.js';
import type { NewJob } from '#jobs/job-record.js';
import type { WebhookProject } from '#platform/config/config.js';
import { KEY_PREFIX, keys, WEBHOOK_QUEUE } from '#platform/keys.js';
import { WebhookQueue } from '#queues/webhook-queue.js';
import type { CredentialResult } from '#registry/credentials.js';
import { waitFor } from '#testing/wait-for.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { deliveryIdOf, fromFields } from '#webhooks/delivery-fields.js';
import { eventId } from '#webhooks/event-body.js';
import { MOST_AT_ONCE } from '../../apps/worker/src/webhooks/endpoint-slots.js';
import { OutboxReader } from '../../apps/worker/src/webhooks/outbox-reader.js';
import { MOST_TRIES } from '../../apps/worker/src/webhooks/retry-schedule.js';
import { RedisFixture } from './support/redis-fixture.js';
import { SECRET, WebhookRig, type RigOptions } from './support/webhook-rig.js';

const fixture = new RedisFixture();

let receiver: WebhookReceiver;
let rig: WebhookRig;
let queue: WebhookQueue;
let bullmq: Queue;
let projects: WebhookProject[];

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
  queue = new WebhookQueue(fixture.redis, fixture.onError);
  bullmq = new Queue(WEBHOOK_QUEUE, { connection: fixture.redis, prefix: KEY_PREFIX });
  fixture.after(async () => {
    await queue.close();
    await bullmq.close();
  });
  const secret = { source: 'env', name: 'S' } as const;
  const endpoint = { id: 'hook', url: receiver.url('/hook'), secret, events: ['job.*'] as const };
  projects = [{ id: 'default', webhookSecret: secret, webhookEndpoints: [endpoint] }];
  rig = rigWith({});
});

afterEach(async () => {
  await receiver.stop();
});

/** The same worker with something else about it. */
function rigWith(options: RigOptions): WebhookRig {
  return new WebhookRig(fixture, { projects, ...options });
}

const idOf = (job: NewJob): string => `${eventId(job.id, 'job.cancelled')}.hook`;

const isDelivered = async (id: string): Promise<boolean> => (await rig.deliveries.read(id))?.status === 'delivered';

it('while the vault with its secret is locked, a delivery waits and uses up no try', async () => {
  let isOpen = false;
  const escrow = {
    find: (): CredentialResult =>
      isOpen ? { state: 'resolved', secret: SECRET } : { state: 'unavailable', reason: 'the vault is locked' },
  };
  const [project] = projects;
  const webhookEndpoints = project?.webhookEndpoints.map((endpoint) => ({
    ...endpoint,
    secret: { source: 'escrow', name: 'hook' } as const,
  }));
  const closed = rigWith({
    projects: [{ id: 'default', webhookSecret: null, webhookEndpoints: webhookEndpoints ?? [] }],
    escrow,
  });
  const one = closed.deliver();
  const { id } = await closed.accepted();
  for (let i = 0; i <= MOST_TRIES; i++) {
    await expect(one.run({ deliveryId: id })).rejects.toMatchObject({ name: 'RetryLater' });
  }
  expect(await closed.known(id)).toMatchObject({ status: 'pending', attempts: 0 });
  isOpen = true;
  await one.run({ deliveryId: id });
  expect(await closed.known(id)).toMatchObject({ status: 'delivered', attempts: 1 });
});

describe('an entry of the outbox', () => {
  it('is delivered once, and then neither the outbox nor the queue has it', async () => {
    await rig.startRole('worker-1');
    const job = await rig.endedJob();
    await waitFor(() => isDelivered(idOf(job)));
    expect(receiver.at('/hook')).toHaveLength(1);
    expect(await fixture.redis.xlen(keys.webhookOutbox())).toBe(0);
    await waitFor(async () => (await bullmq.getJob(idOf(job))) === undefined);
    expect(await fixture.redis.pttl(keys.webhookDelivery(idOf(job)))).toBeGreaterThan(0);
    expect(fixture.errors).toEqual([]);
  });

  it('that a process read but died before it was queued is delivered by another', async () => {
    const job = await rig.endedJob();
    // As far as the process came: the delivery is noted, the turn is its own, the entry still there.
    const [[, fields] = ['', []]] = await fixture.redis.xrange(keys.webhookOutbox(), '-', '+');
    const pairs = Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : [])));
    await rig.deliveries.accept([fromFields(pairs)]);
    await fixture.redis.set(keys.webhookDrainer(), 'worker-dead', 'PX', 1_000);
    await rig.startRole('worker-2');
    await waitFor(() => isDelivered(idOf(job)));
    expect(receiver.at('/hook')).toHaveLength(1);
  });

  it('that a process queued but died before it took it out is delivered once', async () => {
    const job = await rig.endedJob();
    const entries = await fixture.redis.xrange(keys.webhookOutbox(), '-', '+');
    await rig.startRole('worker-1');
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
      const reader = new OutboxReader({
        redis,
        blocking: redis.duplicate(),
        processId,
        deliveries: rig.deliveries,
        queue,
        onError,
      });
      reader.start();
      fixture.after(() => reader.stop());
      return reader;
    });
    await rig.startRole('worker-4');
    const jobs: NewJob[] = [];
    for (let n = 0; n < 60; n += 1) {
      jobs.push(await rig.endedJob());
      // The turn is taken from whoever has it, again and again.
      await fixture.redis.del(keys.webhookDrainer());
    }
    for (const job of jobs) await waitFor(() => isDelivered(idOf(job)));
    const ids = receiver.at('/hook').map(({ headers }) => headers['webhook-id']);
    expect(ids.toSorted()).toEqual(jobs.map((job) => eventId(job.id, 'job.cancelled')).toSorted());
    expect([readers.length, await fixture.redis.xlen(keys.webhookOutbox())]).toEqual([3, 0]);
  });

  it('that is none is reported and dropped, and keeps none of the others waiting', async () => {
    const known = { job: 'job_x', project: 'default', state: 'failed', at: '1', endpoint: 'hook', url: '' };
    const none: Record<string, string>[] = [
      { other: 'x' },
      { ...known, job: '' },
      { ...known, project: '' },
      { ...known, state: 'running' },
      { ...known, at: 'soon' },
      { delivery: '', round: '2' },
      { delivery: 'evt_x.hook', round: 'x' },
      { delivery: 'evt_x.hook' },
    ];
    for (const fields of none) await fixture.redis.xadd(keys.webhookOutbox(), '*', ...Object.entries(fields).flat());
    const job = await rig.endedJob();
    const { redis } = fixture;
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const { deliveries } = rig;
    const reader = new OutboxReader({
      ...{ redis, blocking: redis.duplicate(), processId: 'worker-1', deliveries, queue, onError },
    });
    reader.start();
    fixture.after(() => reader.stop());
    await waitFor(async () => (await bullmq.getWaitingCount()) === 1);
    expect(await bullmq.getJob(idOf(job))).toBeDefined();
    await waitFor(async () => (await fixture.redis.xlen(keys.webhookOutbox())) === 0);
    expect(errors.map(String)).toEqual(none.map(() => expect.stringMatching(/entry .* of the webhook outbox/)));
    expect(await fixture.redis.keys(keys.webhookDelivery('*'))).toEqual([keys.webhookDelivery(idOf(job))]);
  });

  it('waits in Redis while no worker runs, whatever becomes of the job', async () => {
    const job = await rig.endedJob();
    expect(await fixture.redis.pttl(keys.webhookOutbox())).toBe(-1);
    expect(await fixture.store.delete(job.id, 'default')).toBe('deleted');
    await rig.startRole('worker-1');
    const [received] = await receiver.until('/hook', 1);
    const body: unknown = new Webhook(SECRET).verify(received?.body ?? '', received?.headers as Record<string, string>);
    expect(body).toMatchObject({ type: 'job.cancelled', data: { id: job.id, state: 'cancelled' } });
    expect(received?.body).not.toContain('Say it.');
  });
});

describe('a delivery', () => {
  it('that fails waits in Redis for its time, with ids alone in the queue', async () => {
    receiver.answer('/hook', (response) => response.writeHead(500).end('why'));
    await rig.startRole('worker-1');
    const job = await rig.endedJob();
    await waitFor(async () => (await bullmq.getDelayedCount()) === 1);
    const waiting = await bullmq.getJob(idOf(job));
    // A vault may be locked for months, with a look every few seconds.
    expect(waiting?.opts.attempts).toBeGreaterThan(1e15);
    expect(waiting?.data).toEqual({ deliveryId: idOf(job) });
    expect(waiting?.delay).toBe(5_000);
    expect(await rig.deliveries.read(idOf(job))).toMatchObject({ status: 'pending', attempts: 1 });
    expect(await fixture.redis.pttl(keys.webhookDelivery(idOf(job)))).toBe(-1);
    expect(JSON.stringify(await fixture.redis.hgetall(`${KEY_PREFIX}:${WEBHOOK_QUEUE}:${idOf(job)}`))).not.toMatch(
      /why|http:/,
    );
  });

  it('is given up after the last try, and found among the dead with its reason', async () => {
    receiver.answer('/hook', (response) => response.writeHead(503).end());
    const { id } = await rig.accepted();
    const delivering = rig.deliver();
    for (let n = 1; n < MOST_TRIES; n += 1) {
      await expect(delivering.run({ deliveryId: id })).rejects.toMatchObject({ name: 'RetryLater' });
      // Its time has come.
      await fixture.redis.hset(keys.webhookDelivery(id), 'next_at', Date.now() - 1);
    }
    await delivering.run({ deliveryId: id });
    expect(receiver.at('/hook')).toHaveLength(MOST_TRIES);
    expect(new Set(receiver.at('/hook').map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await rig.deliveries.read(id)).toMatchObject({ status: 'dead', attempts: MOST_TRIES });
    const [dead = '{}'] = await fixture.redis.lrange(keys.webhooksDead(), 0, '-1');
    expect(JSON.parse(dead)).toMatchObject({ id, reason: 'http_503', http_status: 503, attempts: MOST_TRIES });
    await delivering.run({ deliveryId: id });
    expect(receiver.at('/hook')).toHaveLength(MOST_TRIES);
  });

  it('to a receiver that never answers holds no place of the others', async () => {
    const secret = { source: 'env', name: 'S' } as const;
    const other = { id: 'other', url: receiver.url('/other'), secret, events: ['job.*'] as const };
    rig = rigWith({
      projects: projects.map((project) => ({ ...project, webhookEndpoints: [...project.webhookEndpoints, other] })),
    });
    const held: ServerResponse[] = [];
    receiver.answer('/hook', (response) => void held.push(response));
    for (let n = 0; n < 110; n++) await rig.endedJob();
    await rig.startRole('worker-1');
    await receiver.until('/hook', MOST_AT_ONCE);
    const job = await rig.endedJob([{ endpoint: 'other', url: null, events: ['job.*'] }]);
    await waitFor(() => isDelivered(idOf(job).replace(/hook$/, 'other')));
    expect(receiver.at('/hook')).toHaveLength(MOST_AT_ONCE);
    // It was no try that failed, and what waited goes on.
    receiver.answer('/hook', (response) => response.writeHead(204).end());
    for (const response of held) response.writeHead(204).end();
    await waitFor(async () => (await bullmq.getJobCountByTypes('active', 'delayed', 'wait')) === 0, {
      ...{ describe: 'the rest to be delivered' },
    });
    expect(receiver.at('/hook')).toHaveLength(110);
    const ids = receiver.at('/hook').map(({ headers }) => String(headers['webhook-id']));
    const attempts = await Promise.all(ids.map(async (id) => (await rig.known(`${id}.hook`)).attempts));
    expect(new Set(attempts)).toEqual(new Set([1]));
  });

  it('that a shutdown interrupts is given back: another worker makes it, under the same id and as the first try', async () => {
    receiver.answer('/hook', (response, n) => (n === 1 ? undefined : response.writeHead(204).end()));
    const first = await rig.startRole('worker-1');
    const job = await rig.endedJob();
    await receiver.until('/hook', 1);
    const closing = performance.now();
    await first.stop();
    expect(performance.now() - closing).toBeLessThan(10_000);
    expect(await rig.deliveries.read(idOf(job))).toMatchObject({ status: 'pending', attempts: 0 });
    await rig.startRole('worker-2');
    await waitFor(() => isDelivered(idOf(job)));
    expect((await rig.known(idOf(job))).attempts).toBe(1);
    expect(new Set(receiver.at('/hook').map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('with a payload that is none fails at once, unrun', async () => {
    await rig.startRole('worker-1');
    await bullmq.add('delivery', { deliveryId: 7 }, { attempts: 1_000_000, backoff: { type: 'custom' } });
    await waitFor(async () => (await bullmq.getFailedCount()) === 1);
    expect(receiver.received).toEqual([]);
  });

  it('that is brought before its time, as after a crash, is sent back without a try', async () => {
    receiver.answer('/hook', (response) => response.writeHead(500).end());
    const { id } = await rig.accepted();
    await expect(rig.deliver().run({ deliveryId: id })).rejects.toMatchObject({ delayMs: 5_000 });
    await expect(rig.deliver().run({ deliveryId: id })).rejects.toMatchObject({ name: 'RetryLater' });
    expect([receiver.at('/hook').length, (await rig.known(id)).attempts]).toEqual([1, 1]);
  });

  it('to an endpoint that wants no more ends it for this URL, and not for another', async () => {
    receiver.answer('/hook', (response) => response.writeHead(410).end());
    await rig.deliver().run({ deliveryId: (await rig.accepted()).id });
    const next = await rig.accepted();
    await rig.deliver().run({ deliveryId: next.id });
    expect(await rig.known(next.id)).toMatchObject({ status: 'dead' });
    expect(receiver.at('/hook')).toHaveLength(1);
    const [project] = projects;
    const [endpoint] = project?.webhookEndpoints ?? [];
    if (!project || !endpoint) throw new Error('there is an endpoint');
    projects = [{ ...project, webhookEndpoints: [{ ...endpoint, url: receiver.url('/moved') }] }];
    rig = rigWith({});
    const third = await rig.accepted();
    await rig.deliver().run({ deliveryId: third.id });
    expect([receiver.at('/moved').length, (await rig.known(third.id)).status]).toEqual([1, 'delivered']);
  });

  it('to a job’s own URL that wants no more disables nothing', async () => {
    receiver.answer('/own', (response) => response.writeHead(410).end());
    const own: HookTarget = { endpoint: null, url: receiver.url('/own'), events: ['job.*'] };
    const { id } = await rig.accepted(own);
    await rig.deliver().run({ deliveryId: id });
    expect([(await rig.known(id)).status, await fixture.redis.exists(keys.webhooksDisabled())]).toEqual(['dead', 0]);
  });

  it.each<[string, string[], Record<string, string>, string]>([
    ['a private address', [], { S: SECRET }, 'address_refused'],
    ['no secret in this process', ['127.0.0.1'], {}, 'secret_missing'],
    ['a secret of the wrong form', ['127.0.0.1'], { S: 'wrong' }, 'secret_invalid'],
  ])('is not sent to a receiver with %s, says so, and is tried again', async (_case, allow, env, reason) => {
    const { id } = await rig.accepted();
    await expect(rigWith({ allow, env }).deliver().run({ deliveryId: id })).rejects.toMatchObject({ delayMs: 5_000 });
    expect(await fixture.redis.hgetall(keys.webhookDelivery(id))).toMatchObject({
      reason,
      attempts: '1',
      http_status: '',
    });
    expect(receiver.received).toEqual([]);
  });

  it('of a job that only a database has which is away waits without a try, and tells all when it is back', async () => {
    const { id } = await rig.accepted();
    const readUpTo = (): Promise<never> => Promise.reject(new TokenhubError('store_unavailable'));
    const away = rigWith({ jobs: { readUpTo } }).deliver();
    await expect(away.run({ deliveryId: id })).rejects.toMatchObject({ name: 'RetryLater' });
    expect(await rig.known(id)).toMatchObject({ status: 'pending', attempts: 0, heldBy: 'history', tries: [] });
    await rig.deliver().run({ deliveryId: id });
    expect(await rig.known(id)).toMatchObject({ status: 'delivered', heldBy: null });
    expect(receiver.at('/hook').map(({ body }) => (JSON.parse(body) as { data: object }).data)).toMatchObject([
      { type: 'chat', state: 'cancelled' },
    ]);
  });

  it('of a job with a result of megabytes is thin, and its result never leaves Redis', async () => {
    const { id, jobId } = await rig.accepted();
    await fixture.redis.hset(keys.job(jobId), 'result', '['.repeat(5_000_000));
    const before = await sentBytes();
    await rig.deliver().run({ deliveryId: id });
    expect((await sentBytes()) - before).toBeLessThan(100_000);
    const [body] = receiver.at('/hook').map((one) => (JSON.parse(one.body) as { data: object }).data);
    expect(body).toMatchObject({ id: jobId, type: 'chat', state: 'cancelled', urls: { self: `/v1/jobs/${jobId}` } });
    expect(body).not.toHaveProperty('result');
  });

  /** What Redis has sent to anybody. */
  async function sentBytes(): Promise<number> {
    return Number(/total_net_output_bytes:(\d+)/.exec(await fixture.redis.info('stats'))?.[1]);
  }

  it('that a fault of ours fails is tried again, and does not count against its endpoint', async () => {
    const { id } = await rig.accepted();
    const readUpTo = (): Promise<never> => Promise.reject(new Error('a fault of ours'));
    const broken = rigWith({ jobs: { readUpTo } }).deliver();
    await expect(broken.run({ deliveryId: id })).rejects.toMatchObject({ delayMs: 5_000 });
    expect(await rig.known(id)).toMatchObject({ attempts: 1, tries: [{ error: 'internal_error', httpStatus: null }] });
    expect(await fixture.redis.exists(keys.webhookFailures('default', 'hook'))).toBe(0);
  });

  it('to an endpoint that is declared no longer is given up', async () => {
    const { id } = await rig.accepted();
    projects = [];
    rig = rigWith({});
    await rig.deliver().run({ deliveryId: id });
    expect(await rig.known(id)).toMatchObject({ status: 'dead', reason: 'endpoint_removed', tries: [] });
    // Nobody can send it again: it takes no place among those that were tried in vain.
    expect(await fixture.redis.exists(keys.webhooksDead())).toBe(0);
  });

  it('has an id for each target of an event, and the event one for all', () => {
    const entry = { jobId: 'job_1', project: 'p', state: 'failed', at: 1, url: null } as const;
    expect(deliveryIdOf({ ...entry, endpoint: null })).toBe(eventId('job_1', 'job.failed'));
    expect(deliveryIdOf({ ...entry, endpoint: 'a.b' })).toBe(`${eventId('job_1', 'job.failed')}.a.b`);
  });
});
