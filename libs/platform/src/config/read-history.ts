import { ConfigError } from './config-error.js';
import type { HistoryConfig } from './config.js';
import { readVariable, type Environment } from './environment.js';
import { readInteger } from './read-integer.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Where finished jobs and usage are kept, and for how long; null without a database. Wrong values are refused all the same. */
export function readHistory(env: Environment): HistoryConfig | null {
  const hotMinutes = readInteger(env, 'TOKENHUB_HOT_MINUTES', { min: 1, max: 10_080 }) ?? 60;
  const retentionDays = readInteger(env, 'TOKENHUB_RETENTION_DAYS', { min: 1, max: 36_500 }) ?? 90;
  const backlogMb = readInteger(env, 'TOKENHUB_HISTORY_BACKLOG_MB', { min: 1, max: 1_000_000 }) ?? 256;
  const databaseUrl = readDatabaseUrl(env);
  if (databaseUrl === null) return null;
  return {
    databaseUrl,
    hotMs: hotMinutes * MINUTE_MS,
    retentionMs: retentionDays * DAY_MS,
    backlogBytes: backlogMb * 1_048_576,
  };
}

function readDatabaseUrl(env: Environment): string | null {
  for (const name of ['TOKENHUB_DATABASE_URL', 'DATABASE_URL']) {
    const value = readVariable(env, name);
    if (value === undefined) continue;
    if (!/^postgres(ql)?:\/\/\S+$/.test(value) || !URL.canParse(value)) {
      throw new ConfigError(name, 'must be a URL such as postgres://user:password@host:5432/database');
    }
    return value;
  }
  return null;
}
