import type { Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { etagOf } from '#settings/etag.js';
import type { AdminView } from './key-views.js';
import type { Shown } from './project-admin.js';

const USUAL = 20;
const MOST = 100;
const LONGEST_ID = 200;

export interface ListQuery {
  after: string | null;
  limit: number;
  project: string | null;
}

/** Reads `after` (an id), `limit` and, where `filters` has it, `project`; throws for anything else in the query. */
export function parseListQuery(query: Record<string, unknown>, filters: readonly 'project'[] = []): ListQuery {
  const known: readonly string[] = ['after', 'limit', ...filters];
  for (const [name, value] of Object.entries(query)) {
    if (!known.includes(name)) {
      throw new TokenhubError('unknown_parameter', `The list takes ${known.join(', ')}, not ${name}.`, { param: name });
    }
    if (typeof value !== 'string' || value.length > LONGEST_ID) {
      throw new TokenhubError('invalid_value', `${name} must be given once, and be short.`, { param: name });
    }
  }
  const { after, limit, project } = query as Record<string, string | undefined>;
  const count = limit === undefined ? USUAL : /^\d{1,3}$/.test(limit) ? Number(limit) : NaN;
  if (!(count >= 1 && count <= MOST)) {
    throw new TokenhubError('invalid_value', `limit must be a whole number from 1 to ${MOST}.`, { param: 'limit' });
  }
  return { after: after ?? null, limit: count, project: project ?? null };
}

/** One page of views that are in order of their ids. */
export function listOf(views: readonly AdminView[], { after, limit }: ListQuery): object {
  const rest = after === null ? views : views.filter(({ id }) => id > after);
  const data = rest.slice(0, limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: rest.length > limit,
  };
}

/** The view, with the entity tag that `If-Match` takes. What holds a secret is kept by nobody on the way. */
export function show(response: Response, { view, version }: Shown): object {
  response.setHeader('cache-control', 'no-store');
  if (version !== null) response.setHeader('etag', etagOf(version));
  return view;
}
