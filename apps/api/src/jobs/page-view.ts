import type { JobPage } from '#jobs/job-page.js';
import type { JobRecord } from '#jobs/job-record.js';
import { listView } from '../http/list-view.js';

/** A page of jobs as lists show it. `last_id` is the `after` of the next page also where the page itself has none. */
export async function pageView(page: JobPage, view: (record: JobRecord) => Promise<object>): Promise<object> {
  const data = await Promise.all(page.records.map(view));
  return listView(data, { ids: page.records.map(({ id }) => id), lastId: page.lastId, hasMore: page.hasMore });
}
