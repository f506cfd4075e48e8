import { hash } from 'node:crypto';
import type { TerminalState } from '#contracts/job-state.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { eventId, type EndedJob } from './event-body.js';

/** How long a delivery can be looked up after its end; a repeated outbox entry is recognised for as long. */
const KEPT_MS = 24 * 3_600_000;

/** Deliveries that were given up; older ones are only in the log. */
const DEAD_KEPT = 1_000;

/** Where an event goes. */
export interface Target {
  project: string;
  /** An endpoint of the project; null for the URL that the job named itself. */
  endpoint: string | null;
  url: string | null;
}

/** What the finishing script wrote into the outbox. */
export interface OutboxEntry extends EndedJob, Target {}

export type DeliveryStatus = 'pending' | 'delivered' | 'dead';

export interface Delivery extends OutboxEntry {
  id: string;
  status: DeliveryStatus;
  /** Tries that have ended. */
  attempts: number;
  /** Unix milliseconds before which the next try must not start; null before the first. */
  nextAt: number | null;
}

/** How a try ended, and with it perhaps the delivery. */
export interface TryReport {
  attempt: number;
  httpStatus: number | null;
  /** A code; null for a success. */
  reason: string | null;
  /** Unix milliseconds of the next try; null when there is none. */
  nextAt: number | null;
}

/** The id of an event on its way to one target; the same for the same, so that what is queued twice is sent once. */
export function deliveryIdOf({ jobId, state, endpoint }: OutboxEntry): string {
  const event = eventId(jobId, `job.${state}`);
  return endpoint === null ? event : `${event}.${endpoint}`;
}

/** Deliveries, how they go, and the endpoints that want no more. */
export class DeliveryStore {
  constructor(private readonly redis: RedisClient) {}

  /** Notes what the outbox holds, and gives the ids of those that still have to be sent. Noting one again changes nothing. */
  async accept(entries: readonly OutboxEntry[]): Promise<string[]> {
    const ids = entries.map(deliveryIdOf);
    const pipeline = this.redis.pipeline();
    entries.forEach((entry, i) => {
      const key = keys.webhookDelivery(ids[i] ?? '');
      pipeline.hset(key, toFields(entry)).hsetnx(key, 'status', 'pending').hget(key, 'status');
    });
    const replies = (await pipeline.exec()) ?? [];
    const failed = replies.find(([error]) => error !== null);
    if (failed?.[0]) throw failed[0];
    return ids.filter((_id, i) => replies[3 * i + 2]?.[1] === 'pending');
  }

  /** Null when there is none of this id (any more). */
  async read(id: string): Promise<Delivery | null> {
    const fields = await this.redis.hgetall(keys.webhookDelivery(id));
    if (fields.status === undefined) return null;
    return {
      ...fromFields(fields),
      id,
      status: fields.status as DeliveryStatus,
      attempts: Number(fields.attempts ?? 0),
      nextAt: fields.next_at ? Number(fields.next_at) : null,
    };
  }

  /** The receiver has it. */
  async delivered({ id }: Delivery, report: TryReport): Promise<void> {
    await this.redis
      .multi()
      .hset(keys.webhookDelivery(id), { ...reportFields(report), status: 'delivered', ended_at: Date.now() })
      .pexpire(keys.webhookDelivery(id), KEPT_MS)
      .exec();
  }

  /** It is tried again. */
  async postponed({ id }: Delivery, report: TryReport): Promise<void> {
    await this.redis.hset(keys.webhookDelivery(id), reportFields(report));
  }

  /** It is given up, and can be found among the dead with its reason. */
  async dead({ id, jobId, project, endpoint }: Delivery, report: TryReport): Promise<void> {
    const at = Date.now();
    const { reason, httpStatus, attempt } = report;
    const entry = { id, job: jobId, project, endpoint, reason, http_status: httpStatus, attempts: attempt, at };
    await this.redis
      .multi()
      .hset(keys.webhookDelivery(id), { ...reportFields(report), status: 'dead', ended_at: at })
      .pexpire(keys.webhookDelivery(id), KEPT_MS)
      .lpush(keys.webhooksDead(), JSON.stringify(entry))
      .ltrim(keys.webhooksDead(), 0, DEAD_KEPT - 1)
      .exec();
  }

  /** Nothing more goes to this endpoint, for as long as it has this URL. */
  async disable({ project, endpoint }: Target, { url, reason }: { url: string; reason: string }): Promise<void> {
    const mark = { reason, at: Date.now(), url_sha256: hash('sha256', url) };
    await this.redis.hset(keys.webhooksDisabled(), `${project}/${endpoint ?? ''}`, JSON.stringify(mark));
  }

  /** True for an endpoint whose receiver at this URL wanted no more. */
  async isDisabled({ project, endpoint }: Target, url: string): Promise<boolean> {
    if (endpoint === null) return false;
    const mark = await this.redis.hget(keys.webhooksDisabled(), `${project}/${endpoint}`);
    return mark !== null && (JSON.parse(mark) as { url_sha256: string }).url_sha256 === hash('sha256', url);
  }
}

/** An outbox entry as the finishing script writes it, and as a delivery keeps it. */
export function fromFields(fields: Partial<Record<string, string>>): OutboxEntry {
  return {
    jobId: fields.job ?? '',
    project: fields.project ?? '',
    state: fields.state as TerminalState,
    at: Number(fields.at),
    endpoint: present(fields.endpoint),
    url: present(fields.url),
  };
}

function present(field: string | undefined): string | null {
  return field === undefined || field === '' ? null : field;
}

function toFields({ jobId, project, state, at, endpoint, url }: OutboxEntry): Record<string, string | number> {
  return { job: jobId, project, state, at, endpoint: endpoint ?? '', url: url ?? '' };
}

function reportFields({ attempt, httpStatus, reason, nextAt }: TryReport): Record<string, string | number> {
  return {
    attempts: attempt,
    last_at: Date.now(),
    http_status: httpStatus ?? '',
    reason: reason ?? '',
    next_at: nextAt ?? '',
  };
}
