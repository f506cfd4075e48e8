import { join } from 'node:path';
import { OPEN_RATE } from '#contracts/open-rate.js';
import type { RateLimitReading, RateLimitUnit } from '#contracts/rate-limits.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import { keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';
import { costIn, pacesOf, type CallCost, type LimitUnit, type Pace } from './limit-units.js';

/** How far ahead of the pace calls are handed out: long enough that workers never wait for Redis, short enough to follow a change. */
export const HORIZON_MS = 1_000;

/** A longer wait for a ticket's time is spent in the queue, where it holds no worker's slot. */
export const LONGEST_HOLD_MS = 10_000;

/** Whose limits a call counts against: its provider's, and its model's where it has limits of its own. */
export interface LimitScope {
  id: string;
  limits: Limits;
}

/** What a call was charged, to be settled when it has ended. */
export interface Ticket {
  scopes: readonly LimitScope[];
  cost: CallCost;
}

/** `due`: the call may start after so many milliseconds. `later`: the pool is too far ahead; ask again then. */
export interface TicketReply {
  kind: 'due' | 'later';
  waitMs: number;
}

interface ScopedPace extends Pace {
  /** Its place among the keys of a script, from 1. */
  place: number;
}

/** A provider's word that less than this share of a limit is left is worth a look at who used it. */
const KEPT_FREE = 0.1;

const UNIT_OF: Record<RateLimitUnit, LimitUnit> = {
  requests: 'rpm',
  tokens: 'tpm',
  input_tokens: 'itpm',
  output_tokens: 'otpm',
};

/**
 * Tickets for calls, taken just before they are sent: all workers together stay inside the limits of a provider, and a call
 * is told when to start instead of being refused. See `limit-units.ts` for the pace.
 */
export class Tickets {
  private readonly takeScript: LuaScript;
  private readonly settleScript: LuaScript;
  private readonly correctScript: LuaScript;
  /** Limits come from registry snapshots, whose objects never change. */
  private readonly paces = new WeakMap<Limits, Pace[]>();

  constructor(redis: RedisClient) {
    const define = (name: string): LuaScript =>
      defineLuaScript(redis, join(import.meta.dirname, 'scripts', `${name}.lua`), `tokenhub:${name}`);
    this.takeScript = define('ticket');
    this.settleScript = define('settle');
    this.correctScript = define('correct');
  }

  /** True when calls of these scopes need no ticket. */
  isUnlimited(scopes: readonly LimitScope[]): boolean {
    return scopes.every(({ limits }) => this.pacesOf(limits).length === 0);
  }

  /** Charges a call against every scope at once and says when it may start; `later` charges nothing. */
  async take(pool: string, { scopes, cost }: Ticket): Promise<TicketReply> {
    const args = this.scoped(scopes, 3).flatMap(({ place, unit, msPerUnit, toleranceMs, small }) => {
      const units = costIn(unit, cost);
      return [place, unit, msPerUnit, toleranceMs, units, Math.max(units - small, 0)];
    });
    const [kind, waitMs] = (await this.takeScript(
      [keys.poolGate(pool), keys.poolMeta(pool), ...scopes.map(({ id }) => keys.paces(id))],
      [OPEN_RATE.max, OPEN_RATE.durationMs, HORIZON_MS, LONGEST_HOLD_MS, ...args],
    )) as [TicketReply['kind'], number];
    return { kind, waitMs };
  }

  /** Charges the difference between what was expected and what was used; `used` null gives everything back. */
  async settle({ scopes, cost }: Ticket, used: CallCost | null): Promise<void> {
    const args = this.scoped(scopes, 1).flatMap(({ place, unit, msPerUnit }) => {
      const units = (used === null ? 0 : costIn(unit, used)) - costIn(unit, cost);
      return units === 0 ? [] : [place, unit, units * msPerUnit];
    });
    if (args.length === 0) return;
    await this.settleScript(
      scopes.map(({ id }) => keys.paces(id)),
      args,
    );
  }

  /**
   * Hears what a provider said of its limits in answer to a call that was sent `ageMs` ago. Only ever slows down, and only
   * where our own calls do not explain what was used.
   */
  async correct(scopes: readonly LimitScope[], reading: RateLimitReading, ageMs: number): Promise<void> {
    const corrections = reading.flatMap((bucket) => {
      const unit = UNIT_OF[bucket.unit];
      const scope = scopes.find(({ limits }) => limits[unit] !== undefined);
      const limit = bucket.limit ?? scope?.limits[unit] ?? 0;
      if (!scope || limit === 0 || bucket.remaining >= KEPT_FREE * limit) return [];
      const args = [unit, limit, bucket.remaining, Math.round(ageMs), KEPT_FREE];
      return [this.correctScript([keys.paces(scope.id)], args)];
    });
    await Promise.all(corrections);
  }

  private scoped(scopes: readonly LimitScope[], firstPlace: number): ScopedPace[] {
    return scopes.flatMap(({ limits }, i) => this.pacesOf(limits).map((pace) => ({ ...pace, place: firstPlace + i })));
  }

  private pacesOf(limits: Limits): Pace[] {
    let paces = this.paces.get(limits);
    if (!paces) {
      paces = pacesOf(limits);
      this.paces.set(limits, paces);
    }
    return paces;
  }
}
