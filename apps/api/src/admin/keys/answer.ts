import type { Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { etagOf } from '#settings/etag.js';
import type { Shown } from './project-admin.js';

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
