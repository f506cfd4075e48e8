import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { sql } from 'kysely';
import { AuditReader } from '#audit/audit-reader.js';
import { storeUnavailable } from '#database/answered.js';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { DataKeys } from '#vault/data-keys.js';
import { boundName } from '#vault/escrow.js';
import { sealedBoxesReady } from '#vault/sealed-box.js';
import { SecretStore } from '#vault/secret-store.js';
import { VaultStatusStore } from '#vault/vault-status.js';
import { VaultStore } from '#vault/vault-store.js';
import { RedisFixture } from './support/redis-fixture.js';
import { BY, VaultRig, type VaultProcess } from './support/vault-rig.js';

/* Two administrators at the same time: one unlocks the vault while the other rotates its data key, or locks it. */

const fixture = new RedisFixture();
let server: DatabaseServer;
let database: Database;
let rig: VaultRig;
let first: VaultProcess;

beforeAll(async () => {
  await sealedBoxesReady();
  server = await startDatabase('pglite');
  database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
  await migrate(database.db);
});

beforeEach(async () => {
  await sql`TRUNCATE vault, vault_secrets, settings`.execute(database.db);
  rig = new VaultRig(fixture, database.db);
  first = await rig.start('api-1');
  await first.admin.init({ mode: 'env', password: null }, BY);
  await first.secrets.set('a', 'sk-a', { by: BY });
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

/** A store where something happens once, just before or after an administrator's word is noted in it. */
function storeWith(word: 'lock' | 'unlock', when: 'before' | 'after', happens: () => Promise<void>): VaultStore {
  const store = new VaultStore(database.db);
  const { lock, unlock } = { lock: store.lock.bind(store), unlock: store.unlock.bind(store) };
  let left = 1;
  const around = async <T>(note: () => Promise<T>): Promise<T> => {
    const now = left-- > 0;
    if (now && when === 'before') await happens();
    const done = await note();
    if (now && when === 'after') await happens();
    return done;
  };
  if (word === 'lock') store.lock = (epoch) => around(() => lock(epoch));
  else store.unlock = (given) => around(() => unlock(given));
  return store;
}

const rotate = (): Promise<void> => first.admin.rotate({ data_key: true }, BY);
const said = () => new VaultStatusStore(fixture.redis).read();
const noted = async (): Promise<boolean | undefined> => (await new VaultStore(database.db).read())?.locked;

const holding = (epoch: number | undefined, ...processes: VaultProcess[]): Promise<boolean> =>
  waitFor(() => processes.every(({ vault }) => vault.holds === epoch), { describe: `epoch ${epoch} to be held` });

/** The secret as each of these processes can read it. */
async function secretIn(...processes: VaultProcess[]): Promise<string[]> {
  const stored = await new SecretStore(database.db).read('a');
  return processes.map(({ vault }) => vault.cipher.open(boundName('a'), stored?.sealed ?? ''));
}

describe('an unlocking during which the data key is rotated', () => {
  /* It was told of the key before, and is not told of the new one. */
  async function behind(store: VaultStore): Promise<VaultProcess> {
    const late = await rig.start('api-2', { store, alone: true });
    const { keys, status } = first.vault;
    if (keys === null || status === null) throw new Error('the vault is not open');
    late.vault.adopt(DataKeys.fromBytes(keys.toBytes()), status);
    return late;
  }

  const upToDate = async (store: VaultStore): Promise<VaultProcess> => {
    const second = await rig.start('api-2', { store });
    await holding(first.vault.status?.epoch, second);
    return second;
  };

  const bare = (store: VaultStore): Promise<VaultProcess> => rig.start('api-2', { store, alone: true });

  it.each([
    ['before', 'that has the new key', upToDate],
    ['before', 'that has the key before', behind],
    ['before', 'that has none', bare],
    ['after', 'that has none', bare],
  ] as const)('%s the unlocking is noted, by a process %s, takes the key from nobody', async (when, _which, start) => {
    const second = await start(storeWith('unlock', when, rotate));
    await expect(second.admin.unlock(null, BY)).rejects.toMatchObject({ code: 'precondition_failed' });
    const third = await rig.start('api-3');
    await holding((await said())?.epoch, first, third);
    expect(first.vault.keys?.active.version).toBe(2);
    expect(await secretIn(first, third)).toEqual(['sk-a', 'sk-a']);
  });
});

describe('an unlocking during which the vault is locked again', () => {
  it.each(['before', 'after'] as const)('%s the unlocking is noted leaves it locked', async (when) => {
    const second = await rig.start('api-2', { store: storeWith('unlock', when, () => first.admin.lock(BY)) });
    await first.admin.lock(BY);
    const wiped = jest.spyOn(DataKeys.prototype, 'wipe');
    await expect(second.admin.unlock(null, BY)).rejects.toMatchObject({ code: 'precondition_failed' });
    expect(wiped).toHaveBeenCalledTimes(1);
    wiped.mockRestore();
    expect([(await said())?.state, await noted()]).toEqual(['locked', true]);
    expect([first.vault.holds, second.vault.holds]).toEqual([null, null]);
    const all = { actor: null, action: null, target: null, fromMs: null, toMs: null, after: 0, limit: 1_000 };
    const { entries } = await new AuditReader(database.db).page(all);
    const told = entries.slice(-3).map(({ action, outcome }) => `${action} ${outcome}`);
    expect(told).toContain('vault.unlocked failed');
  });
});

describe('a lock', () => {
  it('that is noted late does not undo what was unlocked since', async () => {
    const second = await rig.start('api-2');
    const slow = await rig.start('api-3', { store: storeWith('lock', 'before', () => second.admin.unlock(null, BY)) });
    await slow.admin.lock(BY);
    expect([(await said())?.state, await noted()]).toEqual(['unlocked', false]);
    await holding((await said())?.epoch, first, second, slow);
  });

  it('is remembered although the audit cannot be written', async () => {
    jest.spyOn(rig.audit, 'record').mockRejectedValueOnce(storeUnavailable());
    await expect(first.admin.lock(BY)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect([(await said())?.state, await noted()]).toEqual(['locked', true]);
  });

  it('of a vault that was unlocked only in the database locks it there, too', async () => {
    await first.admin.lock(BY);
    // A process that ends in between leaves it so.
    const { version = 0, lockEpoch = 0 } = (await new VaultStore(database.db).read()) ?? {};
    await new VaultStore(database.db).unlock({ version, epoch: lockEpoch });
    await first.admin.lock(BY);
    expect([(await said())?.state, await noted()]).toEqual(['locked', true]);
  });
});
