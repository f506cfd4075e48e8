/**
 * Loaded into a child before its own code (`node --import`): stdin is a pipe from the supervisor, and its end means that the
 * supervisor is gone, kill -9 included. The process then gets the SIGTERM that the supervisor can no longer send.
 */
import { isMainThread } from 'node:worker_threads';

// Worker threads (pino's transports) load this too, with a stdin of their own that ends at once.
if (isMainThread) {
  process.stdin.on('close', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref();
}
