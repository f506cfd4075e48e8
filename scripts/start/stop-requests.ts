import type { Supervisor } from '../lib/supervisor.ts';

// npm passes the terminal's Ctrl-C on to us although we have had it already; the two arrive within milliseconds.
const SAME_REQUEST_MS = 750;

/** Resolves with the exit code when somebody has asked for the stop and it is done: 0, or 130 when a second request cut it short. */
export function stopRequests(supervisor: Supervisor, say: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let firstAt: number | undefined;
    const onRequest = (): void => {
      const now = performance.now();
      if (firstAt === undefined) {
        firstAt = now;
        say('▸ Stopping (Ctrl-C again to stop at once)');
        supervisor.stop().then(() => {
          say('▸ Stopped. Unfinished jobs go on with the next npm start.');
          resolve(0);
        }, reject);
      } else if (now - firstAt > SAME_REQUEST_MS) {
        say('▸ Killed');
        supervisor.kill();
        resolve(130);
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onRequest);
    // Whoever read our output is gone, and nobody can press Ctrl-C any more.
    process.stdout.on('error', () => {
      if (firstAt === undefined) onRequest();
    });
  });
}
