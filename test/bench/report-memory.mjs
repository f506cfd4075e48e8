/**
 * Preloaded (`--expose-gc --import`) into processes whose memory is measured: at SIGWINCH it collects all garbage and writes what
 * is left as a line of JSON to stderr. (At SIGUSR2 Nest ends the application, and SIGUSR1 is the inspector's.)
 */
import process from 'node:process';
import { setImmediate as nextTurn } from 'node:timers/promises';

let reports = 0;

process.on('SIGWINCH', async () => {
  globalThis.gc();
  // What finalizers free is only gone after another turn and another collection.
  await nextTurn();
  globalThis.gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.stderr.write(`${JSON.stringify({ memory_report: ++reports, heapUsed, external, rss })}\n`);
});
