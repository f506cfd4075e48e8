import { TokenhubError } from '#contracts/error-catalogue.js';
import { JOB_STATES, JOB_TYPES } from '#contracts/job-state.js';
import type { JobFilter } from '#history/job-history.js';
import type { ListOptions } from '#jobs/job-store.js';
import { isJobId, timeOfJobId } from './job-id.js';

const MOST = 100;
const USUAL = 20;

export interface PageRequest extends Pick<ListOptions, 'after' | 'limit'> {
  filter: JobFilter;
}

/** Reads `after`, `limit` and, where lists can be filtered, the filters; throws for anything else in the query. */
export function parsePage(query: Record<string, unknown>, { filters }: { filters: boolean }): PageRequest {
  const filter: JobFilter = {};
  for (const [name, value] of Object.entries(query)) {
    if (name === 'after' || name === 'limit') continue;
    if (!filters || !readFilter(filter, name, value)) {
      const known = filters ? 'after, limit, state, type, model, key and metadata[…]' : 'after and limit';
      throw new TokenhubError('unknown_parameter', `The list takes ${known}, not ${name}.`, { param: name });
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
  return { after: after === undefined ? null : { id: after, createdAt: timeOfJobId(after) }, limit: count, filter };
}

/** Adds one filter; false for a name that is none. */
function readFilter(filter: JobFilter, name: string, value: unknown): boolean {
  const pair = /^metadata\[([^\]]+)\]$/.exec(name)?.[1];
  if (pair === undefined && !['state', 'type', 'model', 'key'].includes(name)) return false;
  if (typeof value !== 'string') {
    throw new TokenhubError('invalid_value', `${name} can be given once.`, { param: name });
  }
  if (pair !== undefined) filter.metadata = { ...filter.metadata, [pair]: value };
  else if (name === 'state') filter.state = oneOf(JOB_STATES, name, value);
  else if (name === 'type') filter.type = oneOf(JOB_TYPES, name, value);
  else if (name === 'model') filter.model = value;
  else filter.key = value;
  return true;
}

function oneOf<T extends string>(known: readonly T[], name: string, value: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) {
    throw new TokenhubError('invalid_value', `${name} must be one of ${known.join(', ')}.`, { param: name });
  }
  return found;
}

/** Reads a sequence number from `Last-Event-ID` or `?starting_after=`; absent or empty means from the beginning. */
export function parseStartingAfter(value: unknown): number {
  if (value === undefined || value === '') return 0;
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw new TokenhubError('invalid_value', 'An event id is a whole number.', { param: 'starting_after' });
  }
  return Number(value);
}
