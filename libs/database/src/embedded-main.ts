/**
 * The embedded database: PGlite over a socket, for machines without a PostgreSQL. Run with the folder of its data and a port. It
 * imports packages alone, so that tests can run it from the source.
 */
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** A transaction of Tokenhub takes milliseconds: one that says nothing for so long has lost its client. */
const SILENCE_MS = 10_000;
const MOST_CONNECTIONS = 200;

/** The messages of the extended protocol that a Sync ends: parse, bind, describe, execute, close, flush. */
const OPENS_BATCH = new Set(Buffer.from('PBDECH'));

/**
 * PGlite has one session, and the socket server hands it the messages of all connections one by one; only a transaction keeps them
 * apart. A query of the extended protocol is several messages, and the unnamed statement is there once: so they are kept together too.
 */
class SharedPglite extends PGlite {
  private inBatch = false;
  private heardAt = performance.now();

  override isInTransaction(): boolean {
    return this.inBatch || super.isInTransaction();
  }

  override async execProtocolRawStream(...args: Parameters<PGlite['execProtocolRawStream']>): Promise<void> {
    const [message] = args;
    try {
      await super.execProtocolRawStream(...args);
    } catch (error) {
      // The socket server would serve nobody any more: a new process does.
      leave(`it failed: ${String(error)}`);
    }
    this.heardAt = performance.now();
    this.inBatch = OPENS_BATCH.has(message[0] ?? 0);
  }

  override exec(...args: Parameters<PGlite['exec']>): ReturnType<PGlite['exec']> {
    this.inBatch = false;
    return super.exec(...args);
  }

  /** A client that went while its first statement ran leaves a transaction that nobody ends. */
  endWhenAbandoned(): void {
    setInterval(() => {
      if (this.isInTransaction() && performance.now() - this.heardAt > SILENCE_MS) leave('a transaction was abandoned');
    }, 1_000).unref();
  }
}

function leave(reason: string): never {
  process.stderr.write(`tokenhub postgres: ${reason}\n`);
  process.exit(1);
}

async function serve(dataDir: string, port: number): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const db = new SharedPglite(dataDir);
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port, maxConnections: MOST_CONNECTIONS });
  await server.start();
  db.endWhenAbandoned();
  process.stdout.write(`postgres listens on 127.0.0.1:${port}\n`);
  const stop = (): void => {
    server
      .stop()
      .then(() => db.close())
      .then(
        () => process.exit(0),
        (error: unknown) => leave(`it could not end in order: ${String(error)}`),
      );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

const [dataDir, port] = process.argv.slice(2);
if (dataDir === undefined || !/^\d+$/.test(port ?? '')) leave('usage: embedded-main <folder> <port>');
await serve(dataDir, Number(port)).catch((error: unknown) => leave(String(error)));
