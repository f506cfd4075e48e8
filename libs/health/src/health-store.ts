import { join } from 'node:path';
import { keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';
import { DOWN_AFTER, HALF_LIFE_MS, HealthReading } from './health-reading.js';

/** Nothing heard for so long: nothing is known. */
const FORGOTTEN_AFTER_MS = 600_000;

/** One answer moves the observed latency by a tenth of the difference. */
const LATENCY_WEIGHT = 0.1;

/** What a health record is about. */
export interface Subject {
  kind: 'provider' | 'model';
  id: string;
}

/** Attempts of one outcome that ended at a subject. */
export interface HealthReport {
  successes: number;
  failures: number;
  /** The failure would only repeat itself, as with a refused credential: down at once. */
  certain: boolean;
  /** How long ago the newest of them was sent, in milliseconds. */
  ageMs: number;
  /** How long nothing is sent to a subject that is down. */
  coolDownMs: number;
}

/** How providers and models answer, shared by all processes through Redis. */
export class HealthStore {
  private readonly reportScript: LuaScript;
  private readonly probeScript: LuaScript;
  private readonly latencyScript: LuaScript;

  constructor(private readonly redis: RedisClient) {
    const define = (name: string): LuaScript =>
      defineLuaScript(redis, join(import.meta.dirname, 'scripts', `${name}.lua`), `tokenhub:health-${name}`);
    this.reportScript = define('report');
    this.probeScript = define('probe');
    this.latencyScript = define('latency');
  }

  /** Adds ended attempts to the record and answers with how the subject stands now. */
  async report({ kind, id }: Subject, report: HealthReport): Promise<HealthReading> {
    const [errors, good, bad, left] = (await this.reportScript(
      [keys.health(kind, id)],
      [
        report.successes,
        report.failures,
        report.certain ? '1' : '0',
        report.coolDownMs,
        Math.round(report.ageMs),
        HALF_LIFE_MS,
        DOWN_AFTER,
        FORGOTTEN_AFTER_MS + report.coolDownMs,
      ],
    )) as [number, string, string, number];
    const now = Date.now();
    const downUntil = left < 0 ? 0 : now + left;
    return new HealthReading({ errors, good: Number(good), bad: Number(bad), at: now, downUntil });
  }

  /**
   * Asks to send something to a subject that was down: `open` when it has recovered, `probe` for the one attempt that may
   * find out, `closed` for all others, with the milliseconds until the next probe.
   */
  async askProbe(
    { kind, id }: Subject,
    coolDownMs: number,
  ): Promise<{ kind: 'open' | 'probe' | 'closed'; waitMs: number }> {
    const [reply, waitMs] = (await this.probeScript([keys.health(kind, id)], [coolDownMs])) as [
      'open' | 'probe' | 'closed',
      number | undefined,
    ];
    return { kind: reply, waitMs: waitMs ?? 0 };
  }

  /** Moves a model's observed latency towards the mean of so many new answers. */
  async observeLatency(model: string, meanMs: number, answers: number): Promise<void> {
    await this.latencyScript([keys.latencies()], [model, meanMs, answers, LATENCY_WEIGHT]);
  }

  /** The records of these subjects, in their order, null where nothing is known; and all observed latencies. */
  async read(
    subjects: readonly Subject[],
  ): Promise<{ health: (HealthReading | null)[]; latencies: Map<string, number> }> {
    const pipeline = this.redis.pipeline().time().hgetall(keys.latencies());
    for (const { kind, id } of subjects) pipeline.hgetall(keys.health(kind, id));
    const replies = (await pipeline.exec()) ?? [];
    const [time, latencies, ...records] = replies.map(([error, value]) => {
      if (error) throw error;
      return value;
    });
    const now = Date.now();
    const redisNow = redisTimeMs(time as [string, string]);
    return {
      health: records.map((record) => parseRecord(record as Record<string, string>, now - redisNow)),
      latencies: parseLatencies(latencies as Record<string, string>, redisNow),
    };
  }
}

function redisTimeMs([seconds, microseconds]: [string, string]): number {
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}

/** `skewMs` turns a time of Redis's clock into one of ours. */
function parseRecord(record: Record<string, string>, skewMs: number): HealthReading | null {
  if (record.at === undefined) return null;
  const downUntil = Number(record.down_until);
  return new HealthReading({
    errors: Number(record.errors),
    good: Number(record.good),
    bad: Number(record.bad),
    at: Number(record.at) + skewMs,
    downUntil: downUntil === 0 ? 0 : downUntil + skewMs,
  });
}

function parseLatencies(latencies: Record<string, string>, redisNow: number): Map<string, number> {
  const observed = new Map<string, number>();
  for (const [model, entry] of Object.entries(latencies)) {
    const [value, seconds] = entry.split(' ').map(Number);
    if (value !== undefined && seconds !== undefined && redisNow - seconds * 1000 < FORGOTTEN_AFTER_MS)
      observed.set(model, value);
  }
  return observed;
}
