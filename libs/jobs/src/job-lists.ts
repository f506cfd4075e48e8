import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** Entries looked at in one step. */
const STEP = 500;

/** The lists of projects, whose entries do not expire by themselves as the records do. */
export class JobLists {
  /** Where the next step begins, by project. */
  private readonly cursors = new Map<string, string>();

  constructor(private readonly redis: RedisClient) {}

  /** Removes entries whose record has expired, a few hundred at a step, round and round; answers how many went. */
  async sweep(project: string): Promise<number> {
    const list = keys.projectJobs(project);
    const [next, found] = await this.redis.zscan(list, this.cursors.get(project) ?? '0', 'COUNT', STEP);
    this.cursors.set(project, next);
    const ids = found.filter((_, i) => i % 2 === 0);
    if (ids.length === 0) return 0;
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.exists(keys.job(id));
    const exists = (await pipeline.exec()) ?? [];
    const gone = ids.filter((_, i) => exists[i]?.[0] === null && exists[i][1] === 0);
    return gone.length === 0 ? 0 : this.redis.zrem(list, ...gone);
  }
}
