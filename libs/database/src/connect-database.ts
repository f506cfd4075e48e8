import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { DatabaseSchema } from './schema.js';

export type Db = Kysely<DatabaseSchema>;

export interface Database {
  readonly db: Db;
  /** Gives back the connections; resolves after two seconds at the latest, whatever the server does. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Shows up in `pg_stat_activity`. */
  name: string;
  /** Connections at most; default 5. */
  connections?: number;
  /** What a connection that is not in use reports: the pool opens another when one is needed. */
  onError: (error: unknown) => void;
}

/** How long a query waits for a connection before it is told that the database is away. */
const CONNECT_MS = 5_000;
const CLOSE_MS = 2_000;

/**
 * Opens a pool; connects when the first query comes, and again whenever the server is back. Nothing may rely on a session, since the
 * embedded server shares one: no named statements, no `SET` beyond `SET LOCAL`.
 */
export function connectDatabase(url: string, options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `tokenhub-${options.name}`,
    max: options.connections ?? 5,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // A pool that waits for nothing must not keep a process that is told to end.
    allowExitOnIdle: true,
    types: { getTypeParser: parserOf },
  });
  pool.on('error', options.onError);
  // The pool listens only to connections that wait: one that breaks between two statements of a transaction would end the process.
  pool.on('connect', (client) => client.on('error', options.onError));
  const db = new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    close: async () => {
      const closed = db.destroy();
      const { promise: late, resolve } = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => resolve(undefined), CLOSE_MS);
      await Promise.race([closed, late]);
      clearTimeout(timer);
    },
  };
}

/** `2 ** 53` nano-dollars are nine million dollars: figures are numbers. Days stay as they are written. */
const PARSERS: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: toSafeNumber,
  [pg.types.builtins.NUMERIC]: toSafeNumber,
  [pg.types.builtins.DATE]: (text) => text,
};

const parserOf: pg.CustomTypesConfig['getTypeParser'] = (oid, format) =>
  (format === 'binary' ? undefined : PARSERS[oid]) ??
  (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown);

function toSafeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is beyond what a number holds`);
  return number;
}

/** True when the error says that the database is away or ends its connections, rather than that a statement was wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code = '', message = '', errors = [] } = error as { code?: string; message?: string; errors?: unknown[] };
  return (
    AWAY_CODES.has(code) ||
    // Connection exceptions, operator intervention, insufficient resources, a transaction that was silent for too long.
    /^(08|57P|53|25P03)/.test(code) ||
    AWAY_MESSAGES.some((part) => message.includes(part)) ||
    // Each address of a name was tried.
    errors.some(isDatabaseUnavailable)
  );
}

const AWAY_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT']);

// pg's own, for a connection that was lost or could not be had.
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Connection ended unexpectedly',
];
