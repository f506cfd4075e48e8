import { TokenhubError } from '#contracts/error-catalogue.js';
import type { ListOptions } from '#jobs/job-store.js';
import { isJobId, timeOfJobId } from './job-id.js';

const MOST = 100;
const USUAL = 20;

/** Reads `after` and `limit`; throws for anything else in the query. */
export function parsePage(query: Record<string, unknown>): ListOptions {
  for (const name of Object.keys(query)) {
    if (name !== 'after' && name !== 'limit') {
      throw new TokenhubError('unknown_parameter', `The list takes after and limit, not ${name}.`, { param: name });
    }
  }
  const { after, limit } = query;
  if (after !== undefined && (typeof after !== 'string' || !isJobId(after))) {
    throw new TokenhubError('invalid_value', 'after must be the id of a job.', { param: 'after' });
  }
  const count = limit === undefined ? USUAL : typeof limit === 'string' && /^\d+$/.test(limit) ? Number(limit) : NaN;
  if (!(count >= 1 && count <= MOST)) {
    throw new TokenhubError('invalid_value', `limit must be a whole number from 1 to ${MOST}.`, { param: 'limit' });
  }
  return { after: after === undefined ? null : { id: after, createdAt: timeOfJobId(after) }, limit: count };
}

/** Reads a sequence number from `Last-Event-ID` or `?starting_after=`; absent or empty means from the beginning. */
export function parseStartingAfter(value: unknown): number {
  if (value === undefined || value === '') return 0;
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw new TokenhubError('invalid_value', 'An event id is a whole number.', { param: 'starting_after' });
  }
  return Number(value);
}
