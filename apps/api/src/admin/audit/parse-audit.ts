import { TokenhubError } from '#contracts/error-catalogue.js';
import type { AuditQuery } from '#audit/audit-reader.js';

const USUAL = 100;
const MOST = 1_000;
const LONGEST = 512;
const FIELDS = ['actor', 'action', 'target', 'from', 'to', 'after', 'limit'] as const;
type Field = (typeof FIELDS)[number];

/** Reads the filters, `from` and `to` (days in UTC or ISO 8601 times), `after` (the last id that was read) and `limit`; throws for anything else. */
export function parseAudit(query: Record<string, unknown>): AuditQuery {
  const values = valuesOf(query);
  const fromMs = timeOf('from', values.get('from'), 0);
  const toMs = timeOf('to', values.get('to'), DAY_MS - 1);
  if (fromMs !== null && toMs !== null && fromMs > toMs) throw invalid('from', 'must not be after to');
  return {
    actor: values.get('actor') ?? null,
    action: actionOf(values.get('action')),
    target: values.get('target') ?? null,
    ...{ fromMs, toMs },
    after: wholeOf('after', values.get('after'), { usual: 0, least: 0, most: Number.MAX_SAFE_INTEGER }),
    limit: wholeOf('limit', values.get('limit'), { usual: USUAL, least: 1, most: MOST }),
  };
}

const DAY_MS = 24 * 3_600_000;

function valuesOf(query: Record<string, unknown>): Map<Field, string> {
  return new Map(
    Object.entries(query).map(([name, value]) => {
      const field = FIELDS.find((one) => one === name);
      if (field === undefined) {
        throw new TokenhubError('unknown_parameter', `It takes ${FIELDS.join(', ')}, not ${name.slice(0, 64)}.`, {
          param: name.slice(0, 64),
        });
      }
      if (typeof value !== 'string') throw invalid(field, 'can be given once');
      // The database's text has no U+0000, so nothing there can be equal to it.
      if (value.length > LONGEST || value.includes('\u0000')) throw invalid(field, 'is nothing that is in the audit');
      return [field, value];
    }),
  );
}

function actionOf(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (/^[a-z_]+\.([a-z_]+|\*)$/.test(value)) return value;
  throw invalid('action', 'must be an action such as key.rotated, or all of a kind, such as key.*');
}

/** A day's own time is its beginning, and `plusMs` later where its end is meant. */
function timeOf(field: Field, value: string | undefined, plusMs: number): number | null {
  if (value === undefined) return null;
  const day = /^\d{4}-\d{2}-\d{2}$/.test(value);
  const ms = day || /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(value) ? Date.parse(value) : NaN;
  // Date.parse takes the 30th of February for a day of March.
  if (Number.isNaN(ms) || (day && new Date(ms).toISOString().slice(0, 10) !== value)) {
    throw invalid(field, 'must be a day such as 2026-11-22, or a time such as 2026-11-22T10:00:00Z');
  }
  return day ? ms + plusMs : ms;
}

function wholeOf(
  field: Field,
  value: string | undefined,
  { usual, least, most }: { usual: number; least: number; most: number },
): number {
  if (value === undefined) return usual;
  const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most) return number;
  throw invalid(
    field,
    field === 'after' ? 'must be the id of an entry' : `must be a whole number from ${least} to ${most}`,
  );
}

function invalid(field: Field, rule: string): TokenhubError {
  return new TokenhubError('invalid_value', `${field} ${rule}.`, { param: field });
}
