import type { Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { etagOf } from '#settings/etag.js';
import { pageOf, parseList } from '../parse-list.js';
import type { AdminView } from './key-views.js';
import type { Shown } from './project-admin.js';

/** The page of these views that the query asks for. Throws for what is wrong with it. */
export function listOf(views: readonly AdminView[], query: Record<string, unknown>): object {
  const { page: data, hasMore } = pageOf(views, parseList(query));
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

/** The project that a list is of; null means all. */
export function projectFilter(project: unknown): string | null {
  if (project === undefined || typeof project === 'string') return project ?? null;
  throw new TokenhubError('invalid_value', 'project can be given once.', { param: 'project' });
}

/** The view, with the entity tag that `If-Match` takes. What holds a secret is kept by nobody on the way. */
export function show(response: Response, { view, version }: Shown): object {
  response.setHeader('cache-control', 'no-store');
  if (version !== null) response.setHeader('etag', etagOf(version));
  return view;
}
