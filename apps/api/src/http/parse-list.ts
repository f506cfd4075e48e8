import { TokenhubError } from '#contracts/error-catalogue.js';

const MOST = 100;
const USUAL = 20;
const LONGEST_ID = 256;

export interface ListRequest {
  /** The last id of the page before. */
  after: string | null;
  limit: number;
}

/** Reads `after` and `limit`; throws for anything else in the query. */
export function parseList(query: Record<string, unknown>): ListRequest {
  const unknown = Object.keys(query).find((name) => name !== 'after' && name !== 'limit');
  if (unknown !== undefined) {
    throw new TokenhubError('unknown_parameter', `The list takes after and limit, not ${unknown}.`, { param: unknown });
  }
  const { after = null, limit = String(USUAL) } = query;
  // The database's text has no U+0000, so no id has.
  if (after !== null && (typeof after !== 'string' || after.length > LONGEST_ID || after.includes('\u0000'))) {
    throw new TokenhubError('invalid_value', 'after must be the last id of the page before.', { param: 'after' });
  }
  const count = typeof limit === 'string' && /^\d{1,4}$/.test(limit) ? Number(limit) : NaN;
  if (!(count >= 1 && count <= MOST)) {
    throw new TokenhubError('invalid_value', `limit must be a whole number from 1 to ${MOST}.`, { param: 'limit' });
  }
  return { after, limit: count };
}

/** The page of what is in order of its ids. */
export function pageOf<T extends { id: string }>(
  items: readonly T[],
  { after, limit }: ListRequest,
): { page: T[]; hasMore: boolean } {
  const rest = items.toSorted((a, b) => (a.id < b.id ? -1 : 1)).filter(({ id }) => after === null || id > after);
  return { page: rest.slice(0, limit), hasMore: rest.length > limit };
}
