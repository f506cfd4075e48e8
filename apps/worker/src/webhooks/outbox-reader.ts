import { setTimeout as sleep } from 'node:timers/promises';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { WebhookQueue } from '#queues/webhook-queue.js';
import type { DeliveryStore } from '#webhooks/delivery-store.js';
import { payloadOf, readOutboxEntry, type OutboxNews } from './outbox-entry.js';

const BATCH = 100;

/** How long one look at an empty outbox waits for an entry. */
const BLOCK_MS = 1_000;

/** The process that empties the outbox says so this often anew; another takes over this long after it fell silent. */
const TURN_MS = 5_000;

/** How often the others look whether it is their turn, and how soon after a failure anybody tries again. */
const LOOK_AGAIN_MS = 1_000;

export interface OutboxReaderDeps {
  redis: RedisClient;
  /** A connection of its own, closed by `stop`: it waits for entries, and holds up whatever else is asked on it. */
  blocking: RedisClient;
  processId: string;
  deliveries: DeliveryStore;
  queue: WebhookQueue;
  onError: (error: unknown) => void;
}

/**
 * Moves what the finishing scripts wrote into the delivery queue. An entry leaves the outbox only when the queue has it, and
 * having been queued twice changes nothing: so it survives a crash between the two, and two processes that think it is their turn.
 */
export class OutboxReader {
  private readonly stopped = new AbortController();
  private loop = Promise.resolve();

  constructor(private readonly deps: OutboxReaderDeps) {}

  start(): void {
    this.loop = this.run();
  }

  /** Resolves when this process has let go of the outbox, so that another need not wait for its silence. */
  async stop(): Promise<void> {
    this.stopped.abort();
    // Reading takes nothing out of the outbox: an answer that is lost is read again.
    this.deps.blocking.disconnect();
    await this.loop;
    if (await this.isMine()) await this.deps.redis.del(keys.webhookDrainer());
  }

  private async run(): Promise<void> {
    while (!this.isStopped()) {
      try {
        if (await this.takeTurn()) await this.drain();
        else await this.pause();
      } catch (error) {
        if (!this.isStopped()) this.deps.onError(error);
        await this.pause();
      }
    }
  }

  private isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  private async pause(): Promise<void> {
    await sleep(LOOK_AGAIN_MS, null, { signal: this.stopped.signal }).catch(() => null);
  }

  /** Only saves the others the work: it need not be exact. */
  private async takeTurn(): Promise<boolean> {
    const { redis, processId } = this.deps;
    const taken = await redis.set(keys.webhookDrainer(), processId, 'PX', TURN_MS, 'NX');
    if (taken === 'OK') return true;
    if (!(await this.isMine())) return false;
    await redis.pexpire(keys.webhookDrainer(), TURN_MS);
    return true;
  }

  private async isMine(): Promise<boolean> {
    return (await this.deps.redis.get(keys.webhookDrainer())) === this.deps.processId;
  }

  private async drain(): Promise<void> {
    const { blocking, redis, deliveries, queue } = this.deps;
    const streams = await blocking.xread('COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', keys.webhookOutbox(), '0');
    const entries = streams?.[0]?.[1] ?? [];
    if (entries.length === 0) return;
    const news = entries.flatMap((entry) => this.read(entry));
    const due = await deliveries.accept(news.flatMap((one) => (one.kind === 'ended' ? [one.entry] : [])));
    await queue.enqueue([
      ...due.map(({ deliveryId, round }) => payloadOf(deliveryId, round)),
      ...news.flatMap((one) => (one.kind === 'anew' ? [one.payload] : [])),
    ]);
    await redis.xdel(keys.webhookOutbox(), ...entries.map(([id]) => id));
  }

  /** What is no entry is reported and leaves the outbox: the others must not wait for it. */
  private read([id, fields]: [string, string[]]): OutboxNews[] {
    try {
      return [readOutboxEntry(fields)];
    } catch (error) {
      this.deps.onError(new Error(`entry ${id} of the webhook outbox is dropped`, { cause: error }));
      return [];
    }
  }
}
