import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from '#contracts/webhook.js';
import { isDatabaseUnavailable, type Db } from '#database/connect-database.js';
import { DatabaseTooNew, migrate } from '#database/migrate.js';
import type { FinishedJob, JobStore } from '#jobs/job-store.js';
import type { AttemptEntry } from './attempt-row.js';
import { DeliveryHistory } from './delivery-history.js';
import { HistoryWriter } from './history-writer.js';
import type { ReadEntry } from './ledger-entry.js';
import { isGroupGone, LEDGER_BATCH, type LedgerReader } from './ledger-reader.js';

/** A transaction is short, whatever the records weigh. */
const JOBS_AT_ONCE = 50;
const BYTES_AT_ONCE = 1_000_000;

/** A transaction costs the same for one entry as for many: after a short batch the next is left to grow for so long. */
const GATHER_MS = 250;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Where deliveries are until they are recorded. */
export interface EndedDeliveries {
  /** In their order; null for one that is gone. */
  readMany(ids: readonly string[]): Promise<(Delivery | null)[]>;
  /** The history has this round of it. */
  release(delivery: Delivery): Promise<unknown>;
}

export interface RecorderDeps {
  ledger: LedgerReader;
  store: JobStore;
  deliveries: EndedDeliveries;
  db: Db;
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
  private readonly deliveries: DeliveryHistory;
  private loop = Promise.resolve();
  private opened = false;
  /** Read and not yet acknowledged. */
  private batch: ReadEntry[] = [];

  constructor(private readonly deps: RecorderDeps) {
    this.writer = new HistoryWriter(deps.db);
    this.deliveries = new DeliveryHistory(deps.db);
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
    const { db, ledger } = this.deps;
    if (!this.opened) {
      await migrate(db);
      await ledger.open();
      this.opened = true;
    }
    if (this.batch.length === 0) this.batch = await ledger.next();
    if (this.batch.length === 0) return;
    await this.record(this.batch);
    const gathered = this.batch.length >= LEDGER_BATCH;
    this.batch = [];
    if (!gathered) await this.pause(GATHER_MS);
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
      await this.deps.store.release(jobs.map(({ record }) => record.id));
    }
    await this.writeDeliveries(entries.flatMap(({ delivery }) => (delivery === undefined ? [] : [delivery])));
  }

  /** One that is tried again by now is recorded after its next end, with all that came before. */
  private async writeDeliveries(ids: readonly string[]): Promise<void> {
    const found = await this.deps.deliveries.readMany([...new Set(ids)]);
    const ended = found.filter((delivery) => delivery !== null).filter(({ status }) => status !== 'pending');
    await this.deliveries.add(ended);
    await Promise.all(ended.map((delivery) => this.deps.deliveries.release(delivery)));
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
    this.deps.onFatal(
      error,
      `the database refused an entry of the ledger about ${entry.delivery ?? entry.job}; it is put aside`,
    );
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
