import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { Db } from '#database/connect-database.js';
import { VaultStore } from './vault-store.js';
import type { VaultRecord } from './vault-record.js';

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

const RECORD: VaultRecord = { id: 'v', mode: 'env', kdf: null, dataKeys: [] };

/** Over a database that takes a change, and does not answer. */
function store(): VaultStore {
  const execute = (): Promise<never> => new Promise(() => undefined);
  return new VaultStore({ transaction: () => ({ execute }) } as unknown as Db);
}

/** Whether it was given up, and as what. */
function outcomeOf(call: Promise<unknown>): { code: string | null } {
  const outcome: { code: string | null } = { code: null };
  call.catch((error: unknown) => {
    outcome.code = (error as { code: string }).code;
  });
  return outcome;
}

it('a rotation is waited for a minute: done without anybody knowing, it leaves the secrets to a key that no process has', async () => {
  const rotation = outcomeOf(store().rotate({ record: RECORD, version: 1 }, (_name, sealed) => sealed));
  await jest.advanceTimersByTimeAsync(59_900);
  expect(rotation.code).toBeNull();
  await jest.advanceTimersByTimeAsync(200);
  expect(rotation.code).toBe('store_unavailable');
});

it('any other change is given up after five seconds', async () => {
  const change = outcomeOf(store().replace(RECORD, 1));
  await jest.advanceTimersByTimeAsync(5_100);
  expect(change.code).toBe('store_unavailable');
});
