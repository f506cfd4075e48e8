import type { JobPage } from '#jobs/job-page.js';
import type { JobRecord } from '#jobs/job-record.js';

/** A page of jobs as lists show it. `last_id` is the `after` of the next page also where the page itself has none. */
export async function pageView(page: JobPage, view: (record: JobRecord) => Promise<object>): Promise<object> {
  return {
    object: 'list',
    data: await Promise.all(page.records.map(view)),
    first_id: page.records[0]?.id ?? null,
    last_id: page.lastId,
    has_more: page.hasMore,
  };
}
