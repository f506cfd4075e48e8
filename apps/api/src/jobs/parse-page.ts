import { TokenhubError } from '#contracts/error-catalogue.js';
import { JOB_STATES, JOB_TYPES } from '#contracts/job-state.js';
import type { JobFilter } from '#jobs/job-filter.js';
import type { JobPlace } from '#jobs/job-finder.js';
import { isJobId, timeOfJobId } from './job-id.js';

const MOST = 100;
const USUAL = 20;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

const FILTERS = ['state', 'type', 'model', 'key', 'created_after', 'created_before'] as const;

export interface PageRequest {
  after: JobPlace | null;
  limit: number;
  filter: JobFilter;
}

/** Reads `after`, `limit` and the filters; throws for anything else in the query. */
export function parsePage(query: Record<string, unknown>): PageRequest {
  const filter: JobFilter = {};
  for (const [name, value] of Object.entries(query)) {
    if (name === 'after' || name === 'limit') continue;
    if (!readFilter(filter, name, value)) {
      const message = `The list takes after, limit, ${FILTERS.join(', ')} and metadata[…], not ${name}.`;
      throw new TokenhubError('unknown_parameter', message, { param: name });
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
  const known = FILTERS.find((one) => one === name);
  if (pair === undefined && known === undefined) return false;
  if (typeof value !== 'string') {
    throw new TokenhubError('invalid_value', `${name} can be given once.`, { param: name });
  }
  if (pair !== undefined) filter.metadata = { ...filter.metadata, [pair]: value };
  else if (known !== undefined) Object.assign(filter, FILTER_READERS[known](value));
  return true;
}

const FILTER_READERS: Record<(typeof FILTERS)[number], (value: string) => JobFilter> = {
  state: (value) => ({ state: oneOf(JOB_STATES, 'state', value) }),
  type: (value) => ({ type: oneOf(JOB_TYPES, 'type', value) }),
  model: (value) => ({ model: value }),
  key: (value) => ({ key: value }),
  created_after: (value) => ({ createdFrom: readTime('created_after', value) }),
  created_before: (value) => ({ createdBefore: readTime('created_before', value) }),
};

function oneOf<T extends string>(known: readonly T[], name: string, value: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) {
    throw new TokenhubError('invalid_value', `${name} must be one of ${known.join(', ')}.`, { param: name });
  }
  return found;
}

/** ISO 8601: a day in UTC, or a time with its zone. Throws for anything else. */
export function readTime(name: string, value: string): number {
  const [day] = value.split('T', 1);
  const ms = ISO_TIME.test(value) ? Date.parse(value) : NaN;
  // Date.parse takes the 30th of February for a day of March.
  if (Number.isNaN(ms) || new Date(Date.parse(day ?? '')).toISOString().slice(0, 10) !== day) {
    const message = `${name} must be a time such as 2026-11-22T08:00:00Z; a + in it is written %2B.`;
    throw new TokenhubError('invalid_value', message, { param: name });
  }
  return ms;
}

/** Reads a sequence number from `Last-Event-ID` or `?starting_after=`; absent or empty means from the beginning. */
export function parseStartingAfter(value: unknown): number {
  if (value === undefined || value === '') return 0;
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) {
    throw new TokenhubError('invalid_value', 'An event id is a whole number.', { param: 'starting_after' });
  }
  return Number(value);
}
