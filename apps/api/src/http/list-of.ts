import { listView } from './list-view.js';
import { pageOf, parseList } from './parse-list.js';

/** The page of these views that the query asks for. Throws for what is wrong with it. */
export function listOf(views: readonly { id: string }[], query: Record<string, unknown>): object {
  const { page: data, hasMore } = pageOf(views, parseList(query));
  return listView(data, { ids: data.map(({ id }) => id), hasMore });
}
