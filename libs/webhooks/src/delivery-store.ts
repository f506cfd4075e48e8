import type { Delivery, DeliveryState, DeliveryTry } from '#contracts/webhook.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { deliveryIdOf, recordOf, toDelivery, toFields, type OutboxEntry } from './delivery-fields.js';
import { loadDeliveryScripts, type DeliveryScripts } from './delivery-scripts.js';
import type { Hold } from './target-directory.js';

/** How long a delivery can be looked up in Redis after its end, or its recording; a repeated outbox entry is recognised for as long. */
const KEPT_MS = 24 * 3_600_000;

/** Without a history a delivery leaves the list of its endpoint when it is so old: long after its record is gone. */
const LISTED_MS = 7 * 24 * 3_600_000;

/** Deliveries that were given up; older ones are only in the log, and in the history. */
const DEAD_KEPT = 1_000;

/** Of all rounds together. */
const TRIES_KEPT = 40;

/** How a try ended, and with it perhaps the delivery. */
export interface TryReport {
  /** The number of this try in its round. */
  attempt: number;
  /** Null when none was made. */
  made: DeliveryTry | null;
  httpStatus: number | null;
  /** A code; null for a success. */
  reason: string | null;
  /** Unix milliseconds of the next try; null when there is none. */
  nextAt: number | null;
  /** True when the failure speaks of the receiver, and not of us. */
  receiverFailed: boolean;
}

/** Since when an endpoint has failed without a success in between, and how often. */
export interface Failing {
  sinceMs: number;
  tries: number;
}

/** True for the reasons that say that there is nowhere to send a delivery to. */
export function isNowhere(reason: string | null): boolean {
  return reason === 'endpoint_disabled' || reason === 'endpoint_removed';
}

/** What is due: a delivery in its round. */
export interface DueDelivery {
  deliveryId: string;
  round: number;
}

export interface DeliveryStoreOptions {
  /** True where what has ended is recorded, and kept until it is. */
  recorded: boolean;
}

/** Deliveries and how they go, while they are tried and until the history has them. */
export class DeliveryStore {
  private readonly scripts: DeliveryScripts;

  constructor(
    private readonly redis: RedisClient,
    private readonly options: DeliveryStoreOptions,
  ) {
    this.scripts = loadDeliveryScripts(redis);
  }

  /** Notes what the outbox holds, and gives those that still have to be sent. Noting one again changes nothing. */
  async accept(entries: readonly OutboxEntry[]): Promise<DueDelivery[]> {
    const forgotten = this.options.recorded ? '' : Date.now() - LISTED_MS;
    const noted = entries.map(async (entry) => {
      const id = deliveryIdOf(entry);
      const reply = await this.scripts.accept(
        [keys.webhookDelivery(id), keys.webhookDeliveries(entry.project, entry.endpoint ?? '')],
        [id, entry.at, forgotten, LISTED_MS, ...Object.entries(toFields(entry)).flat()],
      );
      const [status, round] = reply as [DeliveryState, string];
      return { deliveryId: id, round: Number(round), status };
    });
    const all = await Promise.all(noted);
    return all.filter(({ status }) => status === 'pending').map(({ deliveryId, round }) => ({ deliveryId, round }));
  }

  /** Null when there is none of this id (any more). */
  async read(id: string): Promise<Delivery | null> {
    return toDelivery(id, await this.redis.hgetall(keys.webhookDelivery(id)));
  }

  /** As `read`, for many at once, in their order. */
  async readMany(ids: readonly string[]): Promise<(Delivery | null)[]> {
    return Promise.all(ids.map((id) => this.read(id)));
  }

  /** The receiver has it. */
  async delivered(delivery: Delivery, report: TryReport): Promise<void> {
    await this.endTry(delivery, 'delivered', report);
  }

  /** It is tried again. Tells how its endpoint fails; null when this run's word counts no more. */
  async postponed(delivery: Delivery, report: TryReport): Promise<Failing | null> {
    return this.endTry(delivery, 'postponed', report);
  }

  /** It is given up; it can be found among the dead with its reason, unless there is nowhere to send it. Tells how its endpoint fails, as `postponed`. */
  async dead(delivery: Delivery, report: TryReport): Promise<Failing | null> {
    return this.endTry(delivery, 'dead', report);
  }

  /** It cannot be tried now. Tells for how long (ms) it has waited without a try; null when this run's word counts no more. */
  async held({ id, round }: Delivery, by: Hold): Promise<number | null> {
    const heldMs = Number(await this.scripts.hold([keys.webhookDelivery(id)], [round, by]));
    return heldMs < 0 ? null : heldMs;
  }

  /** The history has this round of it: the record may go when its time has come. */
  async release({ id, project, endpoint, round }: Delivery): Promise<void> {
    await this.scripts.release(
      [keys.webhookDelivery(id), keys.webhookDeliveries(project, endpoint ?? ''), keys.ledgerWaiting()],
      [id, round, KEPT_MS],
    );
  }

  /** Begins an ended one anew, under the same id, also when Redis has it no more. `pending`: its tries are not over. */
  async redeliver(delivery: Delivery): Promise<'started' | 'pending' | 'missing'> {
    const { id, project, endpoint, at, status } = delivery;
    const record = status === 'pending' ? [] : Object.entries(recordOf(delivery)).flat();
    const list = keys.webhookDeliveries(project, endpoint ?? '');
    const reply = await this.scripts.redeliver(
      [keys.webhookDelivery(id), list, keys.webhookOutbox(), keys.ledgerWaiting()],
      [id, at, ...record],
    );
    return reply as 'started' | 'pending' | 'missing';
  }

  private async endTry(
    { id, jobId, project, endpoint, round }: Delivery,
    outcome: 'delivered' | 'postponed' | 'dead',
    { attempt, made, httpStatus, reason, nextAt, receiverFailed }: TryReport,
  ): Promise<Failing | null> {
    const at = Date.now();
    const dead = { id, job: jobId, project, endpoint, reason, http_status: httpStatus, attempts: attempt, at };
    // What has nowhere to go is no letter that somebody could send again: it would push out those that are.
    const letter = isNowhere(reason) ? '' : JSON.stringify(dead);
    const reply = await this.scripts['end-try'](
      [
        ...[keys.webhookDelivery(id), keys.webhookFailures(project, endpoint ?? ''), keys.webhooksDead()],
        ...[keys.ledger(), keys.ledgerWaiting()],
      ],
      [
        ...[id, outcome, round, attempt, httpStatus ?? '', reason ?? '', nextAt ?? ''],
        ...[made === null ? '' : JSON.stringify(made), receiverFailed ? '1' : '', KEPT_MS],
        ...[this.options.recorded ? '1' : '', letter, DEAD_KEPT, TRIES_KEPT],
      ],
    );
    const [since, tries] = reply as string[];
    return since === undefined ? null : { sinceMs: Number(since), tries: Number(tries) };
  }
}
