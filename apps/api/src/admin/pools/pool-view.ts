import type { Health } from '#contracts/live-views.js';
import type { LimitUse } from '#limits/limit-usage.js';
import { pauseView, type PoolStanding } from './pool-admin.js';

/** A pool as the administrator sees it. */
export function poolView(standing: PoolStanding, nowMs: number): Record<string, unknown> {
  const { pool, enabled, workers, depth, oldestMs, adminPause, refusedUntil } = standing;
  const refused = refusedUntil > nowMs;
  const until = adminPause === null ? refusedUntil : (adminPause.untilMs ?? Infinity);
  return {
    ...{ id: pool.id, object: 'pool', provider: pool.provider, model: pool.model, enabled, workers },
    depth,
    oldest_waiting_seconds: oldestMs === null ? null : Math.max(Math.round((nowMs - oldestMs) / 1_000), 0),
    limits: standing.limits.map(limitView),
    paused: adminPause !== null || refused,
    // The later of the two; null also where an administrator has to end it.
    paused_until: isoOf(Math.max(until, refused ? refusedUntil : 0), nowMs),
    admin_pause: pauseView(adminPause),
    provider_pause: refused ? { until: isoOf(refusedUntil, nowMs) } : null,
    health: healthView(standing.health),
    ...(pool.model !== null && { model_health: healthView(standing.modelHealth) }),
  };
}

function limitView({ scope, rule, limit, used }: LimitUse): object {
  return { scope, rule, limit, used, utilisation: Math.round((1_000 * used) / limit) / 1_000 };
}

/** Of whom nothing is known, nothing bad is. */
function healthView(health: Health | null): object {
  const { state, failureRate } = health ?? { state: 'up', failureRate: 0 };
  return { state, failure_rate: Math.round(1_000 * failureRate) / 1_000 };
}

function isoOf(ms: number, nowMs: number): string | null {
  return Number.isFinite(ms) && ms > nowMs ? new Date(ms).toISOString() : null;
}
