import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Delivery } from '#contracts/webhook.js';
import type { Db } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import type { FinishedJob, JobStore } from '#jobs/job-store.js';
import type { AttemptEntry } from './attempt-row.js';
import { DeliveryHistory } from './delivery-history.js';
import { HistoryWriter } from './history-writer.js';
import type { BrokenEntry, ReadEntry } from './ledger-entry.js';
import { isGroupGone, LEDGER_BATCH, type LedgerReader, type ReadBatch } from './ledger-reader.js';
import { isDataError, mayBeOwnFault } from './own-fault.js';
import { piecesOf, type EndedEntry } from './record-pieces.js';

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
/** A batch that fails so often while both stores answer has something in it that will never be taken. */
const PATIENCE = 5;

export interface RecorderDeps {
  ledger: LedgerReader;
  store: JobStore;
  deliveries: EndedDeliveries;
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
 * between any two of them it, or another, does it again, and every row is known by its id. While the database is away, or too new, it
 * waits, and the ledger grows.
 */
export class Recorder {
  private readonly stopped = new AbortController();
  private readonly writer: HistoryWriter;
  private readonly deliveries: DeliveryHistory;
  private loop = Promise.resolve();
  private opened = false;
  /** Read and not yet acknowledged. */
  private batch: ReadBatch = { entries: [], broken: [] };
  private failures = 0;

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
    while (!this.isStopped()) {
      try {
        await this.step();
        this.failures = 0;
      } catch (error) {
        if (this.isStopped()) return;
        this.deps.onError(error);
        if (isGroupGone(error)) this.opened = false;
        await this.pause(Math.min(FIRST_PAUSE_MS * 2 ** this.failures++, LONGEST_PAUSE_MS));
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
    if (this.batch.entries.length + this.batch.broken.length === 0) this.batch = await ledger.next();
    const { entries, broken } = this.batch;
    const found = entries.length + broken.length;
    for (const entry of broken.splice(0)) await this.putAsideBroken(entry);
    if (entries.length > 0) await this.record(entries);
    this.batch.entries = [];
    if (found > 0 && found < LEDGER_BATCH) await this.pause(GATHER_MS);
  }

  private async record(entries: readonly ReadEntry[]): Promise<void> {
    try {
      await this.write(entries);
    } catch (error) {
      if (!(await this.isAnEntrysFault(error))) throw error;
      // One of them is at fault: the others must not wait for it.
      for (const entry of entries) await this.recordAlone(entry);
      return;
    }
    await this.deps.ledger.acknowledge(entries);
  }

  /** An attempt that is refused takes the end of its job with it no more than the other way round. */
  private async recordAlone(entry: ReadEntry): Promise<void> {
    const { attempt, ended, delivery } = entry;
    const parts = [
      attempt && { ...entry, ended: null },
      ended && { ...entry, attempt: null },
      delivery === undefined ? null : entry,
    ];
    for (const part of parts) {
      if (part === null) continue;
      try {
        await this.write([part]);
      } catch (error) {
        if (!(await this.isAnEntrysFault(error))) throw error;
        await this.refuse(part, error);
      }
    }
    await this.deps.ledger.acknowledge([entry]);
  }

  private async write(entries: readonly ReadEntry[]): Promise<void> {
    await this.writer.addAttempts(entries.filter((entry): entry is ReadEntry & AttemptEntry => entry.attempt !== null));
    const ended = entries.filter((entry): entry is ReadEntry & EndedEntry => entry.ended !== null);
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
   * Each piece at once: one record after the other would wait for Redis twice each, and under load never catch up. A record that does not
   * wait was erased, or has been recorded and released long since.
   */
  private async *readInPieces(ended: readonly EndedEntry[]): AsyncGenerator<FinishedJob[]> {
    for (const piece of piecesOf(ended)) {
      const jobs = await Promise.all(piece.map((id) => this.deps.store.readFinished(id)));
      const found = jobs.filter((job) => job !== null);
      if (found.length > 0) yield found;
    }
  }

  /** At once for values that the database refuses; for what else keeps failing only while both stores answer. */
  private async isAnEntrysFault(error: unknown): Promise<boolean> {
    if (isDataError(error)) return true;
    if (this.failures < PATIENCE || !mayBeOwnFault(error)) return false;
    await sql`SELECT 1`.execute(this.deps.db);
    await this.deps.ledger.ping();
    return true;
  }

  private async refuse({ id, ...entry }: ReadEntry, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    const about = entry.delivery ?? entry.job;
    this.deps.onFatal(error, `the database refused an entry of the ledger about ${about} (${id}); it is put aside`);
    await this.deps.ledger.putAside(JSON.stringify(entry), reason);
    if (entry.ended !== null) await this.deps.store.releaseRefused(entry.job);
    if (entry.delivery !== undefined) await this.releaseRefused(entry.delivery);
  }

  /** Nobody comes back to it: its record must not wait for ever. */
  private async releaseRefused(deliveryId: string): Promise<void> {
    const [delivery] = await this.deps.deliveries.readMany([deliveryId]);
    if (delivery) await this.deps.deliveries.release(delivery);
  }

  private async putAsideBroken({ id, text }: BrokenEntry): Promise<void> {
    const reason = `entry ${id} of the ledger cannot be read`;
    this.deps.onFatal(new Error(reason), `${reason}; it is put aside`);
    await this.deps.ledger.putAside(text, reason);
    await this.deps.ledger.acknowledge([{ id }]);
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, null, { signal: this.stopped.signal }).catch(() => null);
  }
}
