import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import process from 'node:process';

// Below what the system takes for connections and for whoever asks for any port: from 32768 on Linux, from 49152 elsewhere. Above 10080,
// the last one that `fetch` refuses to talk to.
const FIRST = 10_100;
const RANGES = 11;
const RANGE = 2_000;

let last = randomInt(RANGE);

/**
 * A TCP port that nobody listens on on the loopback, and that nobody else is given before its server has started, seconds later: every
 * Jest worker has a range of its own, and goes through it in order. Throws when the whole range is taken.
 */
export async function freePort(): Promise<number> {
  const first = FIRST + (Number(process.env.JEST_WORKER_ID ?? 0) % RANGES) * RANGE;
  for (let tried = 0; tried < RANGE; tried++) {
    last = (last + 1) % RANGE;
    const port = first + last;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${first} to ${first + RANGE - 1} is free`);
}

/** Whether nobody listens there, on the loopback or everywhere. */
export function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
