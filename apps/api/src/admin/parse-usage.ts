import { TokenhubError } from '#contracts/error-catalogue.js';
import type { ExportPeriod } from '#history/attempt-export.js';
import { USAGE_GROUPS, type UsageGroup, type UsagePeriod } from '#history/usage-report.js';

const DAY_MS = 24 * 3_600_000;

/** Without a beginning: the last thirty days. */
const USUAL_DAYS = 30;
const USUAL_ROWS = 1_000;
const MOST_ROWS = 10_000;

export const EXPORT_FORMATS = ['jsonl', 'csv'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface UsageRequest {
  groupBy: UsageGroup;
  period: UsagePeriod;
}

export interface ExportRequest {
  format: ExportFormat;
  period: ExportPeriod;
  /** Null on the first page. */
  after: number | null;
  limit: number;
}

/** Reads `group_by`, `from` and `to` (days, both included); throws for anything else in the query. */
export function parseUsage(query: Record<string, unknown>, now: number): UsageRequest {
  const values = valuesOf(query, ['group_by', 'from', 'to']);
  const groupBy = oneOf(USAGE_GROUPS, 'group_by', values.get('group_by'));
  return { groupBy, period: readPeriod(values, now) };
}

/** Reads `format`, `from`, `to`, `after` (the cursor of the page before) and `limit`; throws for anything else in the query. */
export function parseExport(query: Record<string, unknown>): ExportRequest {
  const values = valuesOf(query, ['format', 'from', 'to', 'after', 'limit']);
  const period = { from: readDay('from', values.get('from')), to: readDay('to', values.get('to')) };
  if (period.from !== null && period.to !== null && period.from > period.to) {
    throw invalid('from', 'must not be after to');
  }
  return {
    format: oneOf(EXPORT_FORMATS, 'format', values.get('format') ?? 'jsonl'),
    period,
    after: readCursor(values.get('after')),
    limit: readLimit(values.get('limit')),
  };
}

function valuesOf(query: Record<string, unknown>, known: readonly string[]): Map<string, string> {
  return new Map(
    Object.entries(query).map(([name, value]) => {
      if (!known.includes(name)) {
        const message = `It takes ${known.join(', ')}, not ${name}.`;
        throw new TokenhubError('unknown_parameter', message, { param: name });
      }
      if (typeof value !== 'string') throw invalid(name, 'can be given once');
      return [name, value];
    }),
  );
}

function readPeriod(values: Map<string, string>, now: number): UsagePeriod {
  const to = readDay('to', values.get('to')) ?? dayOf(now);
  const from = readDay('from', values.get('from')) ?? dayOf(Math.max(Date.parse(to) - (USUAL_DAYS - 1) * DAY_MS, 0));
  if (from > to) throw invalid('from', 'must not be after to');
  return { from, to };
}

function readDay(name: string, value: string | undefined): string | null {
  if (value === undefined) return null;
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(value) : NaN;
  // Date.parse takes the 30th of February for a day of March.
  if (Number.isNaN(ms) || dayOf(ms) !== value) throw invalid(name, 'must be a day such as 2026-11-22');
  if (ms < 0) throw invalid(name, 'must be a day from 1970 on');
  return value;
}

function readCursor(value: string | undefined): number | null {
  if (value === undefined) return null;
  if (!/^\d{1,15}$/.test(value)) throw invalid('after', 'must be the cursor of the page before');
  return Number(value);
}

function readLimit(value: string | undefined): number {
  if (value === undefined) return USUAL_ROWS;
  const limit = /^\d{1,6}$/.test(value) ? Number(value) : NaN;
  if (!(limit >= 1 && limit <= MOST_ROWS)) throw invalid('limit', `must be a whole number from 1 to ${MOST_ROWS}`);
  return limit;
}

function oneOf<T extends string>(known: readonly T[], name: string, value: string | undefined): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw invalid(name, `must be one of ${known.join(', ')}`);
  return found;
}

function invalid(name: string, rule: string): TokenhubError {
  return new TokenhubError('invalid_value', `${name} ${rule}.`, { param: name });
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
