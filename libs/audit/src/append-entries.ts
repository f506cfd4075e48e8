import type { Insertable, Selectable, Transaction } from 'kysely';
import type { AuditEntry } from '#contracts/audit.js';
import { takeLock } from '#database/bounded-transaction.js';
import type { AuditEntriesTable, DatabaseSchema } from '#database/schema.js';
import { maskChange, maskText } from './mask-secrets.js';

/** How an entry stands to what it tells of. */
export type AuditOutcome = Selectable<AuditEntriesTable>['outcome'];

export interface NewEntry extends AuditEntry {
  outcome: AuditOutcome;
  /** Why it was not done, or is not known to be. */
  error?: string;
  /** The entry that tells what that is. */
  ofSeq?: number;
}

/** Everybody who adds an entry takes this lock, as the last one of the transaction. */
const AUDIT_LOCK = 7_401_957;

/** Longer than any id or action that is meant. */
const LONGEST = 512;

/**
 * Adds entries to the audit in this transaction, secrets masked, and gives the number of the last. From here to its end nobody else adds
 * any: so entries become visible in the order of their numbers, which have no gaps.
 */
export async function appendEntries(trx: Transaction<DatabaseSchema>, entries: readonly NewEntry[]): Promise<number> {
  await takeLock(trx, AUDIT_LOCK);
  const newest = await trx
    .selectFrom('audit_entries')
    .select(({ fn }) => fn.max('seq').as('seq'))
    .executeTakeFirst();
  const first = (newest?.seq ?? 0) + 1;
  const atMs = Date.now();
  const rows = entries.map((entry, i) => rowOf(entry, { seq: first + i, atMs }));
  if (rows.length > 0) await trx.insertInto('audit_entries').values(rows).execute();
  return first + rows.length - 1;
}

function rowOf(
  { actor, action, target, before, after, requestId, outcome, error, ofSeq }: NewEntry,
  { seq, atMs }: { seq: number; atMs: number },
): Insertable<AuditEntriesTable> {
  return {
    ...{ seq, at_ms: atMs, outcome, of_seq: ofSeq ?? null, request_id: requestId },
    actor: textOf(actor),
    action: textOf(action),
    target: textOf(target),
    before: jsonOf(maskChange(action, before)),
    after: jsonOf(maskChange(action, after)),
    error: error === undefined ? null : textOf(error),
  };
}

/** PostgreSQL's text refuses U+0000 and lone surrogates, which a path may bring along. */
function textOf(text: string): string {
  return maskText(text).slice(0, LONGEST).toWellFormed().replaceAll('\u0000', '\ufffd');
}

function jsonOf(masked: object | null): string | null {
  return masked === null ? null : JSON.stringify(masked);
}
