import type { AuditEntry, AuditSink } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import { appendEntries, type NewEntry } from './append-entries.js';
import { maskChange, maskText } from './mask-secrets.js';

/** Who did it, in which request. */
export type DoneBy = Pick<AuditEntry, 'actor' | 'requestId'>;

export interface AuditLogDeps {
  /** Null where there is none: entries are then lines of the log. */
  db: Db | null;
  /** Writes one line of the log. */
  writeLine: (entry: object) => void;
}

/** What administrators did: entries are only ever added. Every method throws `store_unavailable` while the database is away. */
export class AuditLog implements AuditSink {
  constructor(private readonly deps: AuditLogDeps) {}

  /** Notes what is about to be done, or was refused. What cannot be noted must not be done. */
  async record(entry: AuditEntry): Promise<void> {
    await this.append({ ...entry, outcome: 'noted' });
  }

  /**
   * Does what the entry tells, after noting it. When that is refused, or nobody knows whether it was done, a second entry says so; should
   * that one not be written either, the error of the effect is thrown all the same.
   */
  async around<T>(entry: AuditEntry, effect: () => Promise<T>): Promise<T> {
    const seq = await this.append({ ...entry, outcome: 'noted' });
    try {
      return await effect();
    } catch (error) {
      const failed = {
        ...entry,
        outcome: isRefusal(error) ? 'failed' : 'unknown',
        error: reasonOf(error),
        ...(seq !== null && { ofSeq: seq }),
      } as const;
      await this.append(failed).catch((unwritten: unknown) =>
        this.deps.writeLine({ ...lineOf(failed), err: unwritten }),
      );
      throw error;
    }
  }

  /** The number of the new entry; null without a database. */
  private async append(entry: NewEntry): Promise<number | null> {
    const { db, writeLine } = this.deps;
    if (db === null) {
      writeLine(lineOf(entry));
      return null;
    }
    return answered(db.transaction().execute((trx) => appendEntries(trx, [entry])));
  }
}

/** An entry as a line of the log, with secrets masked. */
function lineOf({ before, after, target, error, ...entry }: NewEntry): object {
  return {
    audit: {
      ...{ ...entry, target: maskText(target) },
      ...{ before: maskChange(entry.action, before), after: maskChange(entry.action, after) },
      ...(error !== undefined && { error: maskText(error) }),
    },
  };
}

/** A database that does not answer may have done it, and so may whatever else has broken on the way. */
function isRefusal(error: unknown): boolean {
  return error instanceof TokenhubError && error.code !== 'store_unavailable';
}

/** Internals of ours say nothing to whoever reads the audit. */
function reasonOf(error: unknown): string {
  return error instanceof TokenhubError ? `${error.code}: ${error.message}` : 'internal_error';
}
