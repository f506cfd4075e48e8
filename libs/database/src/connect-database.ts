import { Socket } from 'node:net';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { DatabaseSchema } from './schema.js';

export type Db = Kysely<DatabaseSchema>;

export interface Database {
  readonly db: Db;
  /** The same database by a connection of its own, for what may take minutes: migrations. */
  readonly patientDb: Db;
  /** Gives back the connections; resolves after two seconds at the latest, whatever the server does. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Shows up in `pg_stat_activity`. */
  name: string;
  /** Connections at most; default 5. */
  connections?: number;
  /** A connection that says nothing for so long is given up, and what was asked on it fails as when the database is away. */
  silenceMs?: number;
  /** What a connection that is not in use reports: the pool opens another when one is needed. */
  onError: (error: unknown) => void;
}

/** How long a query waits for a connection before it is told that the database is away. */
const CONNECT_MS = 5_000;
const CLOSE_MS = 2_000;

/** Longer than a transaction waits for another that fell silent (`endsInSilence`). */
const SILENCE_MS = 15_000;
const PATIENCE_MS = 15 * 60_000;

/** The system asks by itself whether the other end is there, and finds out in minutes; `silenceMs` is for those who cannot wait. */
const KEEP_ALIVE_MS = 10_000;

/**
 * Opens a pool; connects when the first query comes, and again whenever the server is back. Nothing may rely on a session, since the
 * embedded server shares one: no named statements, no `SET` beyond `SET LOCAL`.
 */
export function connectDatabase(url: string, options: DatabaseOptions): Database {
  const { connections = 5, silenceMs = SILENCE_MS } = options;
  const db = open(url, options, { connections, silenceMs });
  const patientDb = open(url, options, { connections: 1, silenceMs: PATIENCE_MS });
  return {
    db,
    patientDb,
    close: async () => {
      const closed = Promise.all([db.destroy(), patientDb.destroy()]);
      const { promise: late, resolve } = Promise.withResolvers<undefined>();
      const timer = setTimeout(() => resolve(undefined), CLOSE_MS);
      await Promise.race([closed, late]);
      clearTimeout(timer);
    },
  };
}

function open(
  url: string,
  { name, onError }: DatabaseOptions,
  { connections, silenceMs }: { connections: number; silenceMs: number },
): Db {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: `tokenhub-${name}`,
    max: connections,
    connectionTimeoutMillis: CONNECT_MS,
    // Before it is taken for one that has fallen silent.
    idleTimeoutMillis: Math.min(30_000, silenceMs * 0.8),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    stream: () => impatientSocket(silenceMs),
    // A pool that waits for nothing must not keep a process that is told to end.
    allowExitOnIdle: true,
    types: { getTypeParser: parserOf },
  });
  pool.on('error', onError);
  // The pool listens only to connections that wait: one that breaks between two statements of a transaction would end the process.
  pool.on('connect', (client) => client.on('error', onError));
  return new Kysely<DatabaseSchema>({ dialect: new PostgresDialect({ pool }) });
}

/** Not pg's `query_timeout`: it leaves the connection in the pool, with the old answer still to come. */
function impatientSocket(silenceMs: number): Socket {
  const socket = new Socket();
  return socket.setTimeout(silenceMs, () => {
    const error = new Error(`The database said nothing for ${silenceMs} ms`);
    socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
  });
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

/** True when the error says that the database is away, cannot write or ends its connections, rather than that a statement was wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code = '', message = '', errors = [] } = error as { code?: string; message?: string; errors?: unknown[] };
  return (
    AWAY_CODES.has(code) ||
    AWAY_STATES.test(code) ||
    AWAY_MESSAGES.some((part) => message.includes(part)) ||
    // Each address of a name was tried.
    errors.some(isDatabaseUnavailable)
  );
}

/**
 * SQLSTATEs: connection exceptions, insufficient resources, operator intervention; a transaction that was silent for too long, or that
 * came to a standby (25006: the writing server is another by now); a lock or a statement that took longer than it may.
 */
const AWAY_STATES = /^(08\w{3}|53\w{3}|57P0\w|25P03|25006|55P03|57014)$/;

const AWAY_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOENT'],
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
]);

// pg's own, for a connection that was lost or could not be had.
const AWAY_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Connection ended unexpectedly',
];
