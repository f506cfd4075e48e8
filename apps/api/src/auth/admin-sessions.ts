import { randomBytes } from 'node:crypto';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { AdminToken } from './admin-token.js';

export interface AdminSession {
  /** What it is kept under: of no use to anybody who has not its id. */
  hash: string;
  csrfToken: string;
  openedAtMs: number;
  /** However much it is used. */
  endsAtMs: number;
}

export interface SessionTimes {
  /** A session that is not used for so long ends. */
  idleMs: number;
  absoluteMs: number;
}

export interface AdminSessionsDeps {
  redis: RedisClient;
  token: AdminToken;
  times?: SessionTimes;
}

const TIMES: SessionTimes = { idleMs: 30 * 60_000, absoluteMs: 12 * 3_600_000 };

/** What `open` makes: 256 random bits. */
const ID = /^[\w-]{43}$/;

/**
 * The sessions of the admin page, in Redis, so that every API process knows them and none survives its end anywhere. Redis holds no
 * id, but a hash of it that is keyed with the admin token: another token ends them all. Rejects while Redis is away.
 */
export class AdminSessions {
  private readonly idleMs: number;
  private readonly absoluteMs: number;

  constructor(private readonly deps: AdminSessionsDeps) {
    ({ idleMs: this.idleMs, absoluteMs: this.absoluteMs } = deps.times ?? TIMES);
  }

  /** Opens one of a new id, which nobody else can know. */
  async open(): Promise<{ id: string; session: AdminSession }> {
    const id = randomBytes(32).toString('base64url');
    const openedAtMs = Date.now();
    const kept: KeptSession = {
      csrfToken: randomBytes(32).toString('base64url'),
      openedAtMs,
      endsAtMs: openedAtMs + this.absoluteMs,
    };
    const hash = this.hashOf(id);
    await this.deps.redis.set(keys.adminSession(hash), JSON.stringify(kept), 'PX', this.idleMs);
    return { id, session: { hash, ...kept } };
  }

  /** The session of this id, or null when there is none (any more); `used` starts its idle time anew. */
  async find(id: string, { used }: { used: boolean }): Promise<AdminSession | null> {
    if (!ID.test(id)) return null;
    const hash = this.hashOf(id);
    const { redis } = this.deps;
    const key = keys.adminSession(hash);
    const text = await (used ? redis.getex(key, 'PX', this.idleMs) : redis.get(key));
    if (text === null) return null;
    const session = { hash, ...(JSON.parse(text) as KeptSession) };
    if (session.endsAtMs > Date.now()) return session;
    await this.close(id);
    return null;
  }

  /** Ends it for every process at once; one that has ended already stays so. */
  async close(id: string): Promise<void> {
    await this.deps.redis.del(keys.adminSession(this.hashOf(id)));
  }

  private hashOf(id: string): string {
    return this.deps.token.keyedHash(id);
  }
}

type KeptSession = Omit<AdminSession, 'hash'>;
