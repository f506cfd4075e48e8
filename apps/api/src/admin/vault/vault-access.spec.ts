import { expect, it } from '@jest/globals';
import { DataKeys } from '#vault/data-keys.js';
import { orWiped } from './vault-access.js';

it('data keys of work that fails are overwritten, those of work that is done are kept', async () => {
  const keys = DataKeys.first();
  const { key } = keys.active;
  expect(await orWiped(keys, () => Promise.resolve('done'))).toBe('done');
  expect(keys.all()).toHaveLength(1);
  const failure = new Error('the vault was locked meanwhile');
  await expect(orWiped(keys, () => Promise.reject(failure))).rejects.toBe(failure);
  expect([keys.all(), key.every((byte) => byte === 0)]).toEqual([[], true]);
});
