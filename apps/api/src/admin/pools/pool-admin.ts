import type { AuditLog, DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Health } from '#contracts/live-views.js';
import type { Pool } from '#contracts/registry-snapshot.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { AdminPause, AdminPauses } from '#limits/admin-pauses.js';
import type { LimitUsage, LimitUse } from '#limits/limit-usage.js';
import type { PoolPauses } from '#limits/pool-pauses.js';
import { readProcesses } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues, PoolDepth } from '#queues/attempt-queues.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { timeOfJobId } from '../../jobs/job-id.js';

export interface PoolAdminDeps {
  redis: RedisClient;
  registry: LiveRegistry;
  queues: AttemptQueues;
  pauses: Pick<PoolPauses, 'read'>;
  adminPauses: AdminPauses;
  usage: LimitUsage;
  views: LiveViewsSource;
  audit: AuditLog;
  /** Hears of a queue that could not be told of a pause, or of its end. */
  onError: (error: unknown) => void;
}

/** All that there is to know of a pool at one moment. Times are Unix milliseconds. */
export interface PoolStanding {
  pool: Pool;
  enabled: boolean;
  /** Workers that serve it. */
  workers: number;
  depth: PoolDepth;
  /** When the oldest job among the first that wait was made; null when none waits. */
  oldestMs: number | null;
  limits: LimitUse[];
  /** Until when its provider has asked to be left alone; 0 when it has not. */
  refusedUntil: number;
  adminPause: AdminPause | null;
  health: Health | null;
  modelHealth: Health | null;
}

/** Among so many that wait, the oldest is looked for. */
const LOOKED_THROUGH = 1_000;

/** The pools, as an administrator watches, pauses and resumes them. */
export class PoolAdmin {
  constructor(private readonly deps: PoolAdminDeps) {}

  /** Each pool of the registry, in order of the ids. */
  async list(): Promise<PoolStanding[]> {
    const pools = this.deps.registry.current.pools().toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return this.look(pools);
  }

  /** Throws `pool_not_found`. */
  async read(id: string): Promise<PoolStanding> {
    const [standing] = await this.look([this.find(id)]);
    if (!standing) throw poolNotFound(id);
    return standing;
  }

  /** No worker takes anything from the pool until then; calls under way end. Takes the place of a pause before it. */
  async pause(
    id: string,
    { untilMs, reason, by }: { untilMs: number | null; reason: string | null; by: DoneBy },
  ): Promise<PoolStanding> {
    const pool = this.find(id);
    const { adminPauses, audit, views } = this.deps;
    const before = (await adminPauses.read()).get(id);
    const pause: AdminPause = { sinceMs: Date.now(), untilMs, reason, actor: by.actor };
    const entry = { ...by, action: 'pool.paused', target: id, before: pauseView(before), after: pauseView(pause) };
    await audit.around(entry, async () => {
      await adminPauses.pause(pool.id, pause);
      await this.tellQueue(pool.id, true);
    });
    await views.refresh();
    return this.read(id);
  }

  /** Ends an administrator's pause, and no other. */
  async resume(id: string, by: DoneBy): Promise<PoolStanding> {
    const pool = this.find(id);
    const { adminPauses, audit, views } = this.deps;
    const before = (await adminPauses.read()).get(id);
    const entry = { ...by, action: 'pool.resumed', target: id, before: pauseView(before), after: null };
    await audit.around(entry, async () => {
      await adminPauses.resume(pool.id);
      await this.tellQueue(pool.id, false);
    });
    await views.refresh();
    return this.read(id);
  }

  /** After what is true, which the queue follows: whatever fails here the workers make good in a moment. */
  private async tellQueue(pool: string, paused: boolean): Promise<void> {
    await this.deps.queues.setPaused(pool, paused).catch(this.deps.onError);
  }

  private find(id: string): Pool {
    const pool = this.deps.registry.current.pool(id);
    if (!pool) throw poolNotFound(id);
    return pool;
  }

  private async look(pools: readonly Pool[]): Promise<PoolStanding[]> {
    const { redis, pauses, adminPauses } = this.deps;
    const [processes, refused, paused] = await Promise.all([
      readProcesses(redis),
      pauses.read(pools.map(({ id }) => id)),
      adminPauses.read(),
    ]);
    const serving = processes.filter(({ role }) => role === 'worker').flatMap((worker) => worker.pools ?? []);
    return Promise.all(
      pools.map(async (pool, i) => ({
        ...(await this.measure(pool)),
        workers: serving.filter((id) => id === pool.id).length,
        refusedUntil: refused[i]?.pausedUntil ?? 0,
        adminPause: paused.get(pool.id) ?? null,
      })),
    );
  }

  private async measure(pool: Pool): Promise<Omit<PoolStanding, 'workers' | 'refusedUntil' | 'adminPause'>> {
    const { queues, views, registry } = this.deps;
    const [depth, ids] = await Promise.all([queues.depthOf(pool.id), queues.waitingIds(pool.id, LOOKED_THROUGH)]);
    const [oldest] = ids.toSorted();
    const { model } = pool;
    return {
      ...{ pool, depth, limits: await this.limitsOf(pool, depth) },
      enabled: registry.current.provider(pool.provider)?.enabled ?? false,
      oldestMs: oldest === undefined ? null : timeOfJobId(oldest),
      health: views.healthOf({ kind: 'provider', id: pool.provider }) ?? null,
      modelHealth: model === null ? null : (views.healthOf({ kind: 'model', id: model }) ?? null),
    };
  }

  /** A model's own and its provider's: a call in its pool counts against both, and against the provider's wherever it runs. */
  private async limitsOf(pool: Pool, { active }: PoolDepth): Promise<LimitUse[]> {
    const { current } = this.deps.registry;
    const provider = current.provider(pool.provider);
    const isShared = current.pools().some((other) => other.provider === pool.provider && other.model !== null);
    const endpoints = provider?.endpoints.length ?? 1;
    const own = { id: pool.id, limits: pool.limits };
    const scopes = pool.model === null || !provider ? [own] : [own, { id: provider.id, limits: provider.limits }];
    const uses = await this.deps.usage.read(scopes);
    for (const { id, limits } of scopes) {
      if (limits.concurrency === undefined) continue;
      const isOwn = id === pool.id && (pool.model !== null || !isShared);
      const used = isOwn ? active : await this.deps.usage.inFlight(id);
      uses.push({ scope: id, rule: 'concurrency', limit: limits.concurrency * endpoints, used });
    }
    return uses;
  }
}

/** A pause as answers and the audit show it. */
export function pauseView(pause: AdminPause | null | undefined): object | null {
  if (!pause) return null;
  const { sinceMs, untilMs, reason, actor } = pause;
  return {
    since: new Date(sinceMs).toISOString(),
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
    ...{ reason, actor },
  };
}

function poolNotFound(id: string): TokenhubError {
  const shown = id.length > 64 ? `${id.slice(0, 64)}…` : id;
  return new TokenhubError('pool_not_found', `There is no pool ${shown}.`);
}
