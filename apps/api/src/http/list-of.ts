import { pageOf, parseList } from './parse-list.js';

/** The page of these views that the query asks for. Throws for what is wrong with it. */
export function listOf(views: readonly { id: string }[], query: Record<string, unknown>): object {
  const { page: data, hasMore } = pageOf(views, parseList(query));
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
