import { resolve } from 'node:path';
import { ConfigError } from './config-error.js';
import type { ConfigFile } from './config-file.js';
import { LOG_LEVELS, type LogLevel, type TokenhubConfig } from './config.js';
import { readVariable, type Environment } from './environment.js';
import { OutboundPolicy } from '../network/outbound-policy.js';
import { isLoopbackHost } from './loopback.js';
import { readHistory } from './read-history.js';
import { readInteger } from './read-integer.js';
import { readRedisTarget } from './read-redis-target.js';
import { readTrustedProxies } from './read-trusted-proxies.js';
import { readVault } from './read-vault.js';

const DAY_MS = 24 * 3_600_000;

/** The part of the configuration that the environment decides, alone or over the file. */
export type EnvironmentSettings = Omit<TokenhubConfig, 'providers' | 'models' | 'aliases' | 'projects' | 'secrets'>;

/** Reads every variable; unset ones get the file's value or the default. Throws a ConfigError that names the variable and repeats no value. */
export function readEnvironment(env: Environment, cwd: string, server: ConfigFile['server']): EnvironmentSettings {
  const host = readHost(env, 'TOKENHUB_HOST') ?? server.host;
  return {
    server: {
      host,
      port: readInteger(env, 'TOKENHUB_PORT', { min: 0, max: 65_535 }) ?? server.port,
      bodyLimitBytes: Math.round(server.body_limit_mb * 1_048_576),
      trustedProxies: readTrustedProxies(env),
    },
    auth: readAuth(env, host),
    apiKey:
      readMatching(env, 'TOKENHUB_API_KEY', /^th_[A-Za-z0-9_-]{16,}$/, 'th_ and at least 16 of A-Z a-z 0-9 _ -') ??
      null,
    adminToken: readMatching(env, 'TOKENHUB_ADMIN_TOKEN', /^\S{16,}$/, 'at least 16 characters without spaces') ?? null,
    redis: readRedisTarget(env),
    history: readHistory(env),
    vault: readVault(env),
    worker: {
      host: readHost(env, 'TOKENHUB_WORKER_HOST') ?? '127.0.0.1',
      port: readInteger(env, 'TOKENHUB_WORKER_PORT', { min: 0, max: 65_535 }) ?? 8081,
      pools: readPools(env),
      concurrency: readInteger(env, 'TOKENHUB_CONCURRENCY', { min: 1, max: 100_000 }) ?? 200,
    },
    // Node's own timer limit is the maximum: a longer one would fire at once.
    syncTimeoutMs: readInteger(env, 'TOKENHUB_SYNC_TIMEOUT_MS', { min: 1, max: 2_147_483_647 }) ?? 280_000,
    logLevel: readLogLevel(env),
    webhookAllow: readWebhookAllow(env),
    webhookDisableMs: (readInteger(env, 'TOKENHUB_WEBHOOK_DISABLE_DAYS', { min: 1, max: 365 }) ?? 5) * DAY_MS,
    stateDir: resolve(cwd, readVariable(env, 'TOKENHUB_STATE_DIR') ?? '.tokenhub'),
  };
}

/** Warnings for variables that look like ours and do nothing: misspelt ones, and those of later versions. */
export function warnOfVariables(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('TOKENHUB_') && readVariable(env, name) !== undefined)
    .flatMap((name) => {
      if (LATER.includes(name)) return [`${name}: has no effect in this version`];
      return KNOWN.includes(name) ? [] : [`${name}: is not a known variable`];
    });
}

const KNOWN = [
  ...['CONFIG', 'HOST', 'PORT', 'AUTH', 'API_KEY', 'ADMIN_TOKEN', 'REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER'],
  ...[
    'WORKER_HOST',
    'WORKER_PORT',
    'POOLS',
    'CONCURRENCY',
    'SYNC_TIMEOUT_MS',
    'WEBHOOK_ALLOW',
    'WEBHOOK_DISABLE_DAYS',
    'TRUSTED_PROXIES',
    'LOG_LEVEL',
    'LOG_FORMAT',
    'STATE_DIR',
    'SIMULATOR_PORT',
    'DATABASE_URL',
    'HOT_MINUTES',
    'RETENTION_DAYS',
    'HISTORY_BACKLOG_MB',
    'ENCRYPTION_KEY',
    'CLUSTER_SECRET',
    'VAULT_AUTO_LOCK_MINUTES',
  ],
].map((name) => `TOKENHUB_${name}`);

const LATER = ['BLOB_STORE'].map((name) => `TOKENHUB_${name}`);

function readAuth(env: Environment, host: string): 'on' | 'off' {
  const value = readVariable(env, 'TOKENHUB_AUTH') ?? 'on';
  if (value !== 'on' && value !== 'off') throw new ConfigError('TOKENHUB_AUTH', 'must be on or off');
  if (value === 'off' && !isLoopbackHost(host)) {
    throw new ConfigError(
      'TOKENHUB_AUTH',
      `off is only allowed on a loopback host (127.0.0.0/8, ::1, localhost), not on ${host}`,
    );
  }
  return value;
}

function readLogLevel(env: Environment): LogLevel {
  const value = readVariable(env, 'TOKENHUB_LOG_LEVEL') ?? 'info';
  const level = LOG_LEVELS.find((known) => known === value);
  if (level === undefined) throw new ConfigError('TOKENHUB_LOG_LEVEL', `must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function readPools(env: Environment): string[] | null {
  const value = readVariable(env, 'TOKENHUB_POOLS');
  if (value === undefined) return null;
  const pools = value.split(',').map((pool) => pool.trim());
  if (pools.includes('')) throw new ConfigError('TOKENHUB_POOLS', 'must be a comma-separated list of pool ids');
  return [...new Set(pools)];
}

function readWebhookAllow(env: Environment): string[] {
  const value = readVariable(env, 'TOKENHUB_WEBHOOK_ALLOW');
  if (value === undefined) return [];
  const entries = value.split(',').map((entry) => entry.trim());
  try {
    new OutboundPolicy(entries);
  } catch {
    throw new ConfigError(
      'TOKENHUB_WEBHOOK_ALLOW',
      'must be a comma-separated list of host names, addresses and subnets such as 10.0.0.0/8',
    );
  }
  return entries;
}

function readHost(env: Environment, name: string): string | undefined {
  return readMatching(env, name, /^[A-Za-z0-9.:_-]+$/, 'a host name or an IP address');
}

function readMatching(env: Environment, name: string, pattern: RegExp, allowed: string): string | undefined {
  const value = readVariable(env, name);
  if (value !== undefined && !pattern.test(value)) throw new ConfigError(name, `must be ${allowed}`);
  return value;
}
