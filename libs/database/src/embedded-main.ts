/**
 * The embedded database: PGlite over a socket, for machines without a PostgreSQL. Run with the folder of its data and a port, and for
 * tests with how often it tidies up, in ms. It imports packages alone, so that tests can run it from the source.
 */
import { mkdirSync } from 'node:fs';
import process from 'node:process';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

/** A transaction of Tokenhub takes milliseconds: one that says nothing for so long has lost its client. */
const SILENCE_MS = 10_000;
const MOST_CONNECTIONS = 200;

/**
 * PGlite has none of the processes that do this elsewhere: without them the log and what was deleted would stay on the disk for ever.
 * The first time comes a minute after the start, as many a laptop is not on for an hour.
 */
const CHECKPOINT_EVERY_MS = 60_000;
const CHECKPOINTS_PER_VACUUM = 60;

/** The messages of the extended protocol that a Sync ends: parse, bind, describe, execute, close, flush. */
const OPENS_BATCH = new Set(Buffer.from('PBDECH'));

/**
 * PGlite has one session, and the socket server hands it the messages of all connections one by one; only a transaction keeps them
 * apart. A query of the extended protocol is several messages, and the unnamed statement is there once: so they are kept together too.
 */
class SharedPglite extends PGlite {
  private inBatch = false;
  private heardAt = performance.now();
  private tidiedAt = performance.now();
  private vacuumedAt = -Infinity;
  tidyEveryMs = CHECKPOINT_EVERY_MS;

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
    // Here nothing else is under way, and whoever asked has its answer: a database of which nothing is asked has nothing to tidy up.
    if (!this.isInTransaction() && this.heardAt - this.tidiedAt > this.tidyEveryMs) await this.tidyUp();
  }

  private async tidyUp(): Promise<void> {
    this.tidiedAt = performance.now();
    // In this order: the checkpoint frees the log of the other, too.
    if (this.tidiedAt - this.vacuumedAt >= CHECKPOINTS_PER_VACUUM * this.tidyEveryMs) {
      this.vacuumedAt = this.tidiedAt;
      await this.say('VACUUM (ANALYZE)');
    }
    await this.say('CHECKPOINT');
  }

  private async say(statement: string): Promise<void> {
    await super.execProtocolRawStream(queryMessage(statement), {
      onRawData: (data) => {
        if (data[0] !== ERROR_RESPONSE) return;
        process.stderr.write(`tokenhub postgres: ${statement} failed: ${Buffer.from(data).toString('latin1')}\n`);
      },
    });
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

const ERROR_RESPONSE = 'E'.charCodeAt(0);

/** A message of the simple protocol. */
function queryMessage(statement: string): Uint8Array {
  const text = Buffer.from(`${statement}\0`);
  const head = Buffer.from('Q\0\0\0\0');
  head.writeInt32BE(4 + text.length, 1);
  return Buffer.concat([head, text]);
}

function leave(reason: string): never {
  process.stderr.write(`tokenhub postgres: ${reason}\n`);
  process.exit(1);
}

async function serve(dataDir: string, port: number, tidyEveryMs: number): Promise<void> {
  mkdirSync(dataDir, { recursive: true });
  const db = new SharedPglite(dataDir);
  db.tidyEveryMs = tidyEveryMs;
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

const [dataDir, port, tidyEveryMs = String(CHECKPOINT_EVERY_MS)] = process.argv.slice(2);
if (dataDir === undefined || !/^\d+ \d+$/.test(`${port} ${tidyEveryMs}`)) leave('usage: embedded-main <folder> <port>');
await serve(dataDir, Number(port), Number(tidyEveryMs)).catch((error: unknown) => leave(String(error)));
