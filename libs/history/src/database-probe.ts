import { sql } from 'kysely';
import type { Database } from '#database/connect-database.js';

/** `off`: no history is kept. */
export type DatabaseStatus = 'reachable' | 'away' | 'off';

/** Whoever asks whether a process is ready does not wait longer than this for the database. */
const PATIENCE_MS = 300;

/** Asks the database whether it answers; one question at a time, however many ask. */
export class DatabaseProbe {
  private asking: Promise<DatabaseStatus> | null = null;

  constructor(
    private readonly database: Database | null,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Never rejects. A question that is still open after that says `away`. */
  async status(): Promise<DatabaseStatus> {
    if (this.database === null) return 'off';
    const answer = (this.asking ??= this.ask(this.database));
    const late = Promise.withResolvers<DatabaseStatus>();
    const timer = setTimeout(() => late.resolve('away'), this.patienceMs);
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async ask({ db }: Database): Promise<DatabaseStatus> {
    try {
      await sql`SELECT 1`.execute(db);
      return 'reachable';
    } catch {
      return 'away';
    } finally {
      this.asking = null;
    }
  }
}
