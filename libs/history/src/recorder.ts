import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable, type Db } from '#database/connect-database.js';
import { DatabaseTooNew, migrate } from '#database/migrate.js';
import type { FinishedJob, JobStore } from '#jobs/job-store.js';
import type { AttemptEntry } from './attempt-row.js';
import { HistoryWriter } from './history-writer.js';
import type { ReadEntry } from './ledger-entry.js';
import { isGroupGone, type LedgerReader } from './ledger-reader.js';

/** A transaction is short, whatever the records weigh. */
const JOBS_AT_ONCE = 50;
const BYTES_AT_ONCE = 1_000_000;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

export interface RecorderDeps {
  ledger: LedgerReader;
  store: JobStore;
  db: Db;
  /** The same database for migrations. */
  patientDb: Db;
  /** What went wrong, and is tried again. */
  onError: (error: unknown) => void;
  /** What a person must look at: it is not tried again. */
  onFatal: (error: unknown, message: string) => void;
}

/**
 * Moves what the scripts wrote to the ledger into the database: read, commit, release the records, acknowledge, in this order. Killed
 * between any two of them it, or another, does it again, and every row is known by its id. While the database is away it waits, and
 * the ledger grows.
 */
export class Recorder {
  private readonly stopped = new AbortController();
  private readonly writer: HistoryWriter;
  private loop = Promise.resolve();
  private opened = false;
  /** Read and not yet acknowledged. */
  private batch: ReadEntry[] = [];

  constructor(private readonly deps: RecorderDeps) {
    this.writer = new HistoryWriter(deps.db);
  }

  start(): void {
    this.loop = this.run();
  }

  /** Resolves when nothing is written any more; what was not acknowledged is recorded by another, or by the next start. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.deps.ledger.close();
    await this.loop;
  }

  private isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.isStopped()) {
      try {
        await this.step();
        failures = 0;
      } catch (error) {
        if (this.isStopped()) return;
        if (error instanceof DatabaseTooNew) {
          this.deps.onFatal(error, error.message);
          return;
        }
        this.deps.onError(error);
        if (isGroupGone(error)) this.opened = false;
        await this.pause(Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS));
      }
    }
  }

  private async step(): Promise<void> {
    const { patientDb, ledger } = this.deps;
    if (!this.opened) {
      await migrate(patientDb);
      await ledger.open();
      this.opened = true;
    }
    if (this.batch.length === 0) this.batch = await ledger.next();
    if (this.batch.length === 0) return;
    await this.record(this.batch);
    this.batch = [];
  }

  private async record(entries: readonly ReadEntry[]): Promise<void> {
    try {
      await this.write(entries);
    } catch (error) {
      if (!isDataError(error)) throw error;
      if (entries.length > 1) {
        // One of them is at fault: the others must not wait for it.
        for (const entry of entries) await this.record([entry]);
        return;
      }
      for (const entry of entries) await this.refuse(entry, error);
      return;
    }
    await this.deps.ledger.acknowledge(entries);
  }

  private async write(entries: readonly ReadEntry[]): Promise<void> {
    await this.writer.addAttempts(entries.filter((entry): entry is ReadEntry & AttemptEntry => entry.attempt !== null));
    const ended = entries.filter((entry) => entry.ended !== null).map(({ job }) => job);
    for await (const jobs of this.readInPieces(ended)) {
      await this.writer.addJobs(jobs);
      await Promise.all(jobs.map(({ record }) => this.deps.store.release(record.id)));
    }
  }

  /**
   * Each piece at once: one record after the other would wait for Redis twice each, and under load never catch up. A record that is gone
   * was erased, or has been recorded and released long since.
   */
  private async *readInPieces(ids: readonly string[]): AsyncGenerator<FinishedJob[]> {
    const sizes = await this.deps.store.heldBytes(ids);
    for (const piece of piecesOf(ids, sizes)) {
      const jobs = await Promise.all(piece.map((id) => this.deps.store.readFinished(id)));
      const found = jobs.filter((job) => job !== null);
      if (found.length > 0) yield found;
    }
  }

  private async refuse(entry: ReadEntry, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.deps.onFatal(error, `the database refused an entry of the ledger about ${entry.job}; it is put aside`);
    await this.deps.ledger.refuse(entry, reason);
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, null, { signal: this.stopped.signal }).catch(() => null);
  }
}

/** In the same order, so many at a time and, but for a larger one alone, so many bytes. */
function piecesOf(ids: readonly string[], sizes: readonly number[]): string[][] {
  const pieces: string[][] = [];
  let bytes = Infinity;
  ids.forEach((id, i) => {
    const size = sizes[i] ?? 0;
    const last = pieces.at(-1);
    if (last !== undefined && last.length < JOBS_AT_ONCE && bytes + size <= BYTES_AT_ONCE) {
      last.push(id);
      bytes += size;
    } else {
      pieces.push([id]);
      bytes = size;
    }
  });
  return pieces;
}

/** True for what no repetition mends: the values themselves are at fault (SQLSTATE 22 and 23). */
function isDataError(error: unknown): boolean {
  if (isDatabaseUnavailable(error)) return false;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^2[23]\w{3}$/.test(code);
}
