import type { JobRecord } from './job-record.js';

/** A page has records of so many bytes, and one more at most: it ends there, with more to come. */
export const PAGE_BYTES = 8_000_000;

export interface JobPage {
  records: JobRecord[];
  hasMore: boolean;
  /** The job after which the next page goes on; it need not be on this one. Null when there is none. */
  lastId: string | null;
}

/** The newest jobs of a list that was looked through as far as `lookedTo`, itself included; null: to its end. */
export interface JobsFound {
  records: JobRecord[];
  lookedTo: string | null;
}

/** A page of so many; it ends early where the list was not looked through any further. */
export function pageOf({ records, lookedTo }: JobsFound, limit: number): JobPage {
  const complete = newestFirst(records).filter(({ id }) => lookedTo === null || id >= lookedTo);
  const page = complete.slice(0, limit);
  const isCut = complete.length > limit;
  const lastId = (isCut ? null : lookedTo) ?? page.at(-1)?.id ?? null;
  return { records: page, hasMore: isCut || lookedTo !== null, lastId };
}

/** Ids sort by the time of creation. */
export function newestFirst(records: readonly JobRecord[]): JobRecord[] {
  return records.toSorted((a, b) => (a.id > b.id ? -1 : 1));
}
