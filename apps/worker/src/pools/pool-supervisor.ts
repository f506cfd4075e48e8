import type { AttemptPayload, AttemptResult } from '#contracts/queue-payloads.js';
import type { Pool } from '#contracts/registry-snapshot.js';
import type { PoolPauses } from '#limits/pool-pauses.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { startPoolWorker, type PoolWorker, type TakenAttempt } from '#queues/pool-worker.js';
import type { Registry } from '#registry/registry.js';
import type { PausedQueues } from './paused-queues.js';

/** How soon a worker with calls in flight notices that its pool has opened again. */
const WAKE_MS = 200;

/** How soon what could not be followed is tried again. */
const AGAIN_MS = 2_000;

/** How long a shutdown lets attempts finish before they give their work back. */
const DRAIN_MS = 10_000;

export interface PoolSupervisorDeps {
  redis: RedisClient;
  queues: AttemptQueues;
  pauses: Pick<PoolPauses, 'reopen'>;
  /** What administrators paused. */
  pausedQueues: Pick<PausedQueues, 'follow' | 'settled'>;
  process: (payload: AttemptPayload, taken: TakenAttempt) => Promise<AttemptResult>;
  /** Makes what still runs give its work back. */
  stopRunning: () => void;
  logger: Logger;
  /** True for a provider whose secret lies in a vault that is closed to this process: others, or nobody, take its attempts. */
  isLockedOut: (provider: string) => boolean;
  /** The pools that this process serves; null means all. */
  served: readonly string[] | null;
  /** Attempts at once, per pool and process. */
  concurrency: number;
}

/** Keeps one BullMQ worker for each pool that this process serves, as the registry changes. */
export class PoolSupervisor {
  private readonly workers = new Map<string, PoolWorker>();
  /** Workers of pools that are no longer served, while their last attempts end. */
  private readonly retiring = new Set<Promise<void>>();
  /** As text: the limits for which each pool's queue was last configured, its provider's among them. */
  private readonly configured = new Map<string, string>();
  private following = Promise.resolve();
  private readonly waking = setInterval(() => this.wake(), WAKE_MS);
  private newest: Registry | null = null;
  private hasFailed = false;
  private readonly retrying = setInterval(() => this.hasFailed && this.newest && this.follow(this.newest), AGAIN_MS);
  private closing = false;

  constructor(private readonly deps: PoolSupervisorDeps) {}

  /** The pools served at this moment. */
  get pools(): string[] {
    return [...this.workers.keys()];
  }

  /** Starts, adjusts and ends workers until they match the registry; one version after the other. What fails is tried again. */
  follow(registry: Registry): void {
    this.newest = registry;
    this.hasFailed = false;
    this.following = this.following
      .then(() => this.apply(registry))
      .catch((error: unknown) => {
        this.hasFailed = true;
        this.deps.logger.error({ err: error }, 'the pools could not follow the registry');
      });
  }

  /** Resolves once every version that it was told of is followed. */
  async settled(): Promise<void> {
    await this.following;
  }

  /** Takes no more attempts, lets those that run finish for a while, then has them given back; resolves when none is left. */
  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.waking);
    clearInterval(this.retrying);
    await this.following;
    const closed = Promise.all([...[...this.workers.values()].map((worker) => worker.close()), ...this.retiring]);
    const drain = setTimeout(this.deps.stopRunning, DRAIN_MS);
    await closed;
    clearTimeout(drain);
  }

  private wake(): void {
    for (const worker of this.workers.values()) worker.wake();
  }

  private async apply(registry: Registry): Promise<void> {
    if (this.closing) return;
    const wanted = registry.pools().filter((pool) => this.serves(pool, registry));
    // Before the first attempt is asked for: of a paused pool none is taken.
    if (wanted.some(({ id }) => !this.workers.has(id))) await this.deps.pausedQueues.follow();
    for (const pool of wanted) await this.serve(pool, registry);
    const ids = new Set(wanted.map((pool) => pool.id));
    for (const [id, worker] of this.workers) {
      if (ids.has(id)) continue;
      this.workers.delete(id);
      this.deps.logger.info({ pool: id }, 'pool is no longer served');
      this.retire(worker);
    }
  }

  /** Not waited for: attempts that run for minutes must not hold up the next version, or a shutdown's drain. */
  private retire(worker: PoolWorker): void {
    const closed = worker
      .close()
      .catch((error: unknown) => this.deps.logger.warn({ err: error }, 'closing a pool worker'))
      .finally(() => this.retiring.delete(closed));
    this.retiring.add(closed);
  }

  private serves(pool: Pool, registry: Registry): boolean {
    const enabled = registry.provider(pool.provider)?.enabled ?? false;
    if (!enabled || this.deps.isLockedOut(pool.provider)) return false;
    return this.deps.served === null || this.deps.served.includes(pool.id);
  }

  /** Over all workers; a provider with several endpoints has as many at each. */
  private concurrencyOf({ provider, limits }: Pool, registry: Registry): number | null {
    const endpoints = registry.provider(provider)?.endpoints.length ?? 1;
    return limits.concurrency === undefined ? null : limits.concurrency * endpoints;
  }

  private async serve(pool: Pool, registry: Registry): Promise<void> {
    await this.configure(pool, registry);
    if (this.workers.has(pool.id)) return;
    // Not cut to the limit, which Redis enforces over all workers: BullMQ looks at a changed concurrency only when a slot is
    // free, so a worker whose every slot is taken by a long call would not notice that the limit was raised.
    const { logger, concurrency } = this.deps;
    this.workers.set(
      pool.id,
      startPoolWorker({
        pool: pool.id,
        redis: this.deps.redis,
        concurrency,
        process: (payload, taken) => this.process(payload, taken),
        onError: (error) => logger.warn({ err: error, pool: pool.id }, 'pool worker'),
      }),
    );
    logger.info({ pool: pool.id, concurrency, limits: pool.limits }, 'serving pool');
  }

  /** What BullMQ took just as Redis had come back is looked at only once this process knows again what is paused. */
  private async process(payload: AttemptPayload, taken: TakenAttempt): Promise<AttemptResult> {
    await this.deps.pausedQueues.settled();
    return this.deps.process(payload, taken);
  }

  /** Whatever its limits are now, a pool's queue begins unhindered: where they are reached, the tickets slow it down again. */
  private async configure(pool: Pool, registry: Registry): Promise<void> {
    const concurrency = this.concurrencyOf(pool, registry);
    const limits = JSON.stringify([concurrency, pool.limits, registry.provider(pool.provider)?.limits]);
    const before = this.configured.get(pool.id);
    if (before === limits) return;
    await this.deps.queues.configure(pool.id, { concurrency });
    this.configured.set(pool.id, limits);
    if (before !== undefined) await this.reopen(pool.id);
  }

  /** Whoever was held back by the old limits would otherwise look for half a minute at what no longer counts. */
  private async reopen(pool: string): Promise<void> {
    await this.deps.pauses.reopen(pool);
    // BullMQ's worker remembers by itself until when the queue was held back; a new one asks.
    const worker = this.workers.get(pool);
    this.workers.delete(pool);
    if (worker) this.retire(worker);
  }
}
