import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from './config/config.js';

export type RedisClient = Redis;

export interface RedisRole {
  /** Shows up in `CLIENT LIST`. */
  name: string;
  /**
   * What a command does while Redis is away. `fail` rejects at once (an HTTP request turns that into a 503);
   * `wait` holds it until Redis returns (a worker must not lose what it is about to commit).
   */
  whenAway: 'fail' | 'wait';
  /** Rejects a command that Redis does not answer in time; a Redis that hangs then looks like one that is away. */
  commandTimeoutMs?: number;
}

/** Opens a connection that reconnects for ever, with a pause of at most a second. Never throws: an `error` listener is the caller's. */
export function connectRedis(target: RedisTarget, role: RedisRole): RedisClient {
  const options: RedisOptions = {
    connectionName: `tokenhub-${role.name}`,
    enableOfflineQueue: role.whenAway === 'wait',
    // A command that was sent when the connection broke may or may not have run; `fail` reports it, `wait` sends it again
    // (every script of ours is fenced or idempotent).
    autoResendUnfulfilledCommands: role.whenAway === 'wait',
    maxRetriesPerRequest: role.whenAway === 'wait' ? null : 0,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1_000),
    commandTimeout: role.commandTimeoutMs,
  };
  switch (target.kind) {
    case 'single':
      return new Redis(target.url, options);
    case 'sentinel':
      return new Redis({ ...options, ...target.access, sentinels: [...target.sentinels], name: target.name });
    case 'cluster':
      // BullMQ and our scripts only use what both classes share; Cluster has no type of its own for that subset.
      return new Cluster([...target.nodes], {
        redisOptions: { ...options, ...target.access },
        enableOfflineQueue: role.whenAway === 'wait',
      }) as unknown as RedisClient;
  }
}

/** True when the error says that Redis is away or does not answer, rather than that a command was wrong. */
export function isStoreUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    AWAY_MESSAGES.some((message) => error.message.includes(message)) ||
    AWAY_CODES.has((error as NodeJS.ErrnoException).code ?? '') ||
    error.name === 'MaxRetriesPerRequestError'
  );
}

const AWAY_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);

// The messages of ioredis 6 for a closed, connecting or silent connection, and Redis's own while it loads, is full, cannot write
// its file, has too few replicas or fails over.
const AWAY_MESSAGES = [
  "Stream isn't writeable and enableOfflineQueue options is false",
  'Connection is closed',
  'Command timed out',
  'max retries per request',
  'LOADING',
  'CLUSTERDOWN',
  'READONLY',
  'MASTERDOWN',
  'OOM command not allowed',
  'MISCONF',
  'NOREPLICAS',
  'Socket timeout',
];
