import { sql, type RawBuilder } from 'kysely';
import { earliestJobId } from '#jobs/earliest-job-id.js';
import type { JobFilter } from '#jobs/job-filter.js';
import { searchable } from './history-writer.js';

export interface ListOptions {
  /** The last job of the page before. */
  after: string | null;
  limit: number;
  filter: JobFilter;
}

/** The columns that are indexed together with the project: the newest jobs of one of its keys or models are read, not looked for. */
const BY_PROJECT = ['state', 'type', 'model', 'key'] as const;

/**
 * Finished jobs of a project, or (null) of all, that pass the filter, newest first. The records are as long together as this, and one
 * more at most; of what comes behind it there are only the ids.
 */
export function jobQuery(
  project: string | null,
  options: ListOptions,
  bytes: number,
): RawBuilder<{ id: string; record: object | null }> {
  return sql`
    SELECT id, CASE WHEN sum(bytes) OVER (ORDER BY id DESC) - bytes < ${bytes} THEN record END AS record
    FROM (${newestJobs(project, options)}) AS page ORDER BY id DESC`;
}

function newestJobs(project: string | null, options: ListOptions): RawBuilder<unknown> {
  const { limit, filter } = options;
  const conditions = conditionsOf(options);
  const newest = (of: RawBuilder<unknown>[]): RawBuilder<unknown> =>
    sql`SELECT id, bytes, record FROM finished_jobs WHERE ${sql.join([sql`true`, ...of], sql` AND `)} ORDER BY id DESC LIMIT ${limit}`;
  if (project !== null) return newest([sql`project = ${project}`, ...conditions]);
  // Metadata has an index of its own, and so has the order of all jobs.
  if (filter.metadata || BY_PROJECT.every((column) => filter[column] === undefined)) return newest(conditions);
  // The newest of each project: there are few of them, each found by one step in the index.
  return sql`
    WITH RECURSIVE projects AS (
      (SELECT project AS name FROM finished_jobs ORDER BY project LIMIT 1)
      UNION ALL
      SELECT (SELECT project FROM finished_jobs WHERE project > projects.name ORDER BY project LIMIT 1)
      FROM projects WHERE projects.name IS NOT NULL
    )
    SELECT id, bytes, record FROM projects
    CROSS JOIN LATERAL (${newest([sql`project = projects.name`, ...conditions])}) AS job
    ORDER BY id DESC LIMIT ${limit}`;
}

function conditionsOf({ after, filter }: ListOptions): RawBuilder<unknown>[] {
  const { createdFrom, createdBefore, metadata } = filter;
  const equal = BY_PROJECT.flatMap((column) => {
    const value = filter[column];
    return value === undefined ? [] : [sql`${sql.ref(column)} = ${value}`];
  });
  return [
    ...equal,
    ...(after === null ? [] : [sql`id < ${after}`]),
    // Ids sort by the time of creation, and every index ends in them.
    ...(createdFrom === undefined ? [] : [sql`id >= ${earliestJobId(createdFrom)}`]),
    ...(createdBefore === undefined ? [] : [sql`id < ${earliestJobId(createdBefore)}`]),
    ...(metadata ? [sql`metadata @> ${JSON.stringify(searchable(metadata))}::jsonb`] : []),
  ];
}
