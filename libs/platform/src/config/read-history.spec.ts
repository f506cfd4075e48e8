import { expect, it } from '@jest/globals';
import { readHistory } from './read-history.js';

const SECRET = 'canary-of-a-password';
const DAY_MS = 24 * 3_600_000;

it('without a database nothing is kept', () => expect(readHistory({ TOKENHUB_HOT_MINUTES: '5' })).toBeNull());

it.each([
  [
    { DATABASE_URL: 'postgres://u:p@h/d' },
    { databaseUrl: 'postgres://u:p@h/d', hotMs: 3_600_000, retentionMs: 90 * DAY_MS, backlogBytes: 268_435_456 },
  ],
  [
    {
      DATABASE_URL: 'postgres://other/d',
      TOKENHUB_DATABASE_URL: 'postgresql://h:5433/d',
      TOKENHUB_HOT_MINUTES: '1',
      TOKENHUB_RETENTION_DAYS: '7',
      TOKENHUB_HISTORY_BACKLOG_MB: '2',
    },
    { databaseUrl: 'postgresql://h:5433/d', hotMs: 60_000, retentionMs: 7 * DAY_MS, backlogBytes: 2_097_152 },
  ],
])('%j', (env, history) => expect(readHistory(env)).toStrictEqual(history));

it.each([
  [{ DATABASE_URL: `mysql://me:${SECRET}@h/d` }, 'DATABASE_URL: must be a URL such as postgres://'],
  [{ TOKENHUB_DATABASE_URL: `postgres://me:${SECRET}@h:x/d` }, 'TOKENHUB_DATABASE_URL: must be a URL such as'],
  [{ TOKENHUB_HOT_MINUTES: '0' }, 'TOKENHUB_HOT_MINUTES: must be a whole number from 1'],
  [{ TOKENHUB_RETENTION_DAYS: 'ever' }, 'TOKENHUB_RETENTION_DAYS: must be a whole number from 1'],
  [{ TOKENHUB_HISTORY_BACKLOG_MB: '0' }, 'TOKENHUB_HISTORY_BACKLOG_MB: must be a whole number from 1'],
])('%j is refused, and its value not repeated', (env, expected) => {
  expect(() => readHistory(env)).toThrow(expected);
  expect(() => readHistory(env)).not.toThrow(SECRET);
});
