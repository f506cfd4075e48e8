interface ListPage {
  /** Those of the entries, in their order. */
  ids: readonly (string | number)[];
  hasMore: boolean;
  /** The `after` of the next page; default the id of the last entry. */
  lastId?: string | null;
}

/** A page as every list shows it. */
export function listView(data: readonly object[], { ids, hasMore, lastId }: ListPage): object {
  return {
    object: 'list',
    data,
    first_id: ids[0] ?? null,
    last_id: lastId === undefined ? (ids.at(-1) ?? null) : lastId,
    has_more: hasMore,
  };
}
