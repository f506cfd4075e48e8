import { beforeEach, expect, it } from '@jest/globals';
import { DataKeys } from './data-keys.js';
import { HeldKeys } from './held-keys.js';
import type { VaultStatus } from './vault-status.js';

let now: number;
let dropped: number;
let keys: DataKeys;
let bytes: Buffer | undefined;
let held: HeldKeys;

beforeEach(() => {
  now = 1_000;
  dropped = 0;
  keys = DataKeys.first();
  bytes = keys.active.key;
  held = new HeldKeys(
    () => dropped++,
    () => now,
  );
  held.hold(keys, 7);
});

const said = (state: VaultStatus['state'], epoch: number): VaultStatus => ({ state, epoch, mode: 'password' });
/** What is left of the key when it is gone. */
const OVERWRITTEN = Buffer.alloc(32);

it('a lock drops the keys at once and overwrites them', () => {
  held.see(said('locked', 8));
  expect([held.keys, dropped]).toStrictEqual([null, 1]);
  expect(bytes).toStrictEqual(OVERWRITTEN);
});

it('they are dropped when for ten seconds nobody could be asked', () => {
  now += 9_999;
  held.dropUnlessSeen();
  expect(held.keys).toBe(keys);
  now += 2;
  held.dropUnlessSeen();
  expect([held.keys, dropped]).toStrictEqual([null, 1]);
  expect(bytes).toStrictEqual(OVERWRITTEN);
});

it('they are kept while it is said again and again that the vault is open', () => {
  for (let i = 0; i < 100; i++) {
    now += 5_000;
    held.see(said('unlocked', 7));
    held.dropUnlessSeen();
  }
  expect([held.keys, dropped]).toStrictEqual([keys, 0]);
});

it('after a rotation the old ones serve until the new ones come, and are overwritten then', () => {
  held.see(said('unlocked', 8));
  now += 4_000;
  held.see(said('unlocked', 8));
  expect(held.keys).toBe(keys);
  const next = keys.withNext();
  held.hold(next, 8);
  expect([held.keys, held.epoch, dropped]).toStrictEqual([next, 8, 0]);
  expect(bytes).toStrictEqual(OVERWRITTEN);
});

it('who is not given the new ones loses the old after five seconds', () => {
  held.see(said('unlocked', 8));
  now += 5_001;
  held.see(said('unlocked', 8));
  expect([held.keys, dropped]).toStrictEqual([null, 1]);
});

it('the same keys go on under a new epoch', () => {
  held.renew(9);
  expect([held.keys, held.epoch, dropped]).toStrictEqual([keys, 9, 0]);
  expect(bytes).not.toStrictEqual(OVERWRITTEN);
});
