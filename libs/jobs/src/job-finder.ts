import { keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { JobFilter } from './job-filter.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';

/** A place in a list of jobs: that of this job, which may be gone by now. */
export interface JobPlace {
  id: string;
  createdAt: number;
}

export interface FindOptions {
  /** The last job of the page before. */
  after: JobPlace | null;
  limit: number;
  filter?: JobFilter;
}

/** What one look goes through, and how many looks one page takes at most: a thousand entries take Redis some milliseconds. */
export interface FinderBounds {
  entries: number;
  looks: number;
}

const BOUNDS: FinderBounds = { entries: 1_000, looks: 10 };

/** A project is said to have a list again after so long, in case Redis has forgotten it. */
const NOTE_EVERY_MS = 60_000;

/** The lists of unfinished jobs, and of those that nobody has recorded yet: looked through in steps, never as a whole. */
export class JobFinder {
  private readonly scripts: JobScripts;
  private readonly notedAt = new Map<string, number>();

  constructor(
    private readonly redis: RedisClient,
    private readonly bounds: FinderBounds = BOUNDS,
  ) {
    this.scripts = loadJobScripts(redis);
  }

  /** A job of this project is about to be created: sees to it that its list is known. Costs nothing but from time to time. */
  async note(project: string): Promise<void> {
    const now = Date.now();
    if (now - (this.notedAt.get(project) ?? -Infinity) < NOTE_EVERY_MS) return;
    this.notedAt.set(project, now);
    try {
      await this.redis.sadd(keys.jobLists(), project);
    } catch (error) {
      this.notedAt.delete(project);
      throw error;
    }
  }

  /**
   * The newest jobs that can pass the filter, of a project or (null) of all: whoever reads their records looks again. `lookedTo` is where
   * it stopped, because it has enough or because it has looked for long enough; null when nothing is left.
   */
  async find(project: string | null, options: FindOptions): Promise<{ ids: string[]; lookedTo: string | null }> {
    const projects = project === null ? await this.redis.smembers(keys.jobLists()) : [project];
    const lists = await Promise.all(projects.map((one) => this.findIn(one, options)));
    const stops = lists.flatMap(({ lookedTo }) => (lookedTo === null ? [] : [lookedTo]));
    // What is older than where one of them stopped is left for the next page, or that one's jobs would be missing.
    const lookedTo = stops.length === 0 ? null : stops.reduce((a, b) => (a > b ? a : b));
    const all = lists.flatMap(({ ids }) => ids).filter((id) => lookedTo === null || id >= lookedTo);
    const ids = all.toSorted((a, b) => (a > b ? -1 : 1)).slice(0, options.limit);
    return { ids, lookedTo: ids.length < all.length ? (ids.at(-1) ?? null) : lookedTo };
  }

  private async findIn(
    project: string,
    { after, limit, filter = {} }: FindOptions,
  ): Promise<{ ids: string[]; lookedTo: string | null }> {
    const { entries, looks } = this.bounds;
    const ids: string[] = [];
    let place = after;
    for (let look = 0; look < looks && ids.length < limit; look++) {
      const [found, id, createdAt] = (await this.scripts.find(
        [keys.projectJobs(project)],
        [
          ...[prefixes.job, place?.id ?? '', place?.createdAt ?? ''],
          ...[filter.createdFrom ?? '-inf', filter.createdBefore ?? '+inf', limit - ids.length, entries],
          ...[filter.state ?? '', filter.model ?? '', ...textsOf(filter)],
        ],
      )) as [string[], string, string];
      ids.push(...found);
      if (id === '') return { ids, lookedTo: null };
      place = { id, createdAt: Number(createdAt) };
    }
    return { ids, lookedTo: place?.id ?? null };
  }
}

/** What the filter asks for as it stands in the record's `info`. */
function textsOf({ type, key, metadata = {} }: JobFilter): string[] {
  const pair = (name: string, value: string): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  return [
    ...(type === undefined ? [] : [pair('type', type)]),
    ...(key === undefined ? [] : [pair('key', key)]),
    ...Object.entries(metadata).map(([name, value]) => pair(name, value)),
  ];
}
