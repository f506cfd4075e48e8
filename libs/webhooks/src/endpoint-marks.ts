import { hash } from 'node:crypto';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { DisableReason } from './endpoint-definition.js';

/** Whose endpoint. */
export interface EndpointName {
  project: string;
  endpoint: string;
}

/** Why nothing more goes to an endpoint, for as long as it has this URL. */
export interface Mark {
  reason: Exclude<DisableReason, 'requested'>;
  /** Unix milliseconds. */
  at: number;
  lastError: string | null;
}

/**
 * Endpoints that are to get nothing more, by a word of their receiver or for failing too long. Every worker heeds a mark from the next try on,
 * whatever else is away; what is stored of a made endpoint follows.
 */
export class EndpointMarks {
  constructor(private readonly redis: RedisClient) {}

  async set({ project, endpoint }: EndpointName, { url, ...mark }: Mark & { url: string }): Promise<void> {
    const kept = { ...mark, url_sha256: hash('sha256', url) };
    await this.redis.hset(keys.webhooksDisabled(), `${project}/${endpoint}`, JSON.stringify(kept));
  }

  /** The mark of an endpoint of this URL; one from before `sinceMs` counts no more. */
  async find(
    { project, endpoint }: EndpointName,
    { url, sinceMs = 0 }: { url: string; sinceMs?: number },
  ): Promise<Mark | null> {
    const text = await this.redis.hget(keys.webhooksDisabled(), `${project}/${endpoint}`);
    if (text === null) return null;
    const { url_sha256: sha256, ...mark } = JSON.parse(text) as Mark & { url_sha256: string };
    // An earlier version did not say what failed last.
    return sha256 === hash('sha256', url) && mark.at >= sinceMs ? { ...mark, lastError: mark.lastError ?? null } : null;
  }

  /** Forgets the mark and the failures that lead to one: the endpoint begins anew, or is no more. */
  async clear({ project, endpoint }: EndpointName): Promise<void> {
    await this.redis
      .multi()
      .hdel(keys.webhooksDisabled(), `${project}/${endpoint}`)
      .del(keys.webhookFailures(project, endpoint))
      .exec();
  }
}
