import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { AuditReader, type AuditRow } from '#audit/audit-reader.js';
import { storeUnavailable } from '#database/answered.js';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { channels, keys } from '#platform/keys.js';
import { startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { DataKeys } from '#vault/data-keys.js';
import { boundName } from '#vault/escrow.js';
import { sealedBoxesReady } from '#vault/sealed-box.js';
import { SecretStore } from '#vault/secret-store.js';
import { VaultOpener } from '#vault/vault-opener.js';
import { VaultStatusStore } from '#vault/vault-status.js';
import { VaultStore } from '#vault/vault-store.js';
import { RedisFixture } from './support/redis-fixture.js';
import { BY, VaultRig, type VaultProcess } from './support/vault-rig.js';

/* What administrators do with a vault in mode env, where something else happens at the same time. */

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
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

type Rotate = VaultStore['rotate'];

/** A store with a rotation of its own. */
function storeWith(rotate: (rotated: () => ReturnType<Rotate>) => ReturnType<Rotate>): VaultStore {
  const store = new VaultStore(database.db);
  const own: Rotate = store.rotate.bind(store);
  store.rotate = (...given) => rotate(() => own(...given));
  return store;
}

/** It is committed, and the answer of the database gets lost. */
const unheard = (): VaultStore =>
  storeWith(async (rotated) => {
    await rotated();
    throw storeUnavailable();
  });

const versions = async (): Promise<number[]> =>
  ((await new VaultStore(database.db).read())?.record.dataKeys ?? []).map(({ version }) => version);

/** The secret as this process can read it. */
async function secretIn({ vault }: VaultProcess, name: string): Promise<string> {
  const stored = await new SecretStore(database.db).read(name);
  return vault.cipher.open(boundName(name), stored?.sealed ?? '');
}

const holding = (epoch: number | undefined, ...processes: VaultProcess[]): Promise<boolean> =>
  waitFor(() => processes.every(({ vault }) => vault.holds === epoch), { describe: 'the newest keys to be held' });
const closed = (...processes: VaultProcess[]): Promise<boolean> =>
  waitFor(() => processes.every(({ vault }) => vault.holds === null), { describe: 'no process to hold a key' });

describe('a rotation of the encryption key', () => {
  const next = randomBytes(32);

  it('wraps the data keys anew for a process that holds all of them', async () => {
    await first.admin.rotate({ data_key: true }, BY);
    const second = await rig.start('api-2', { encryptionKey: next });
    await holding(first.vault.status?.epoch, second);
    await second.vault.look();
    expect(second.vault.fault).toContain('TOKENHUB_ENCRYPTION_KEY');
    await second.admin.rotate({ encryption_key: true }, BY);
    expect([second.vault.fault, await versions()]).toEqual([null, [1, 2]]);
    const opener = (encryptionKey: Buffer): VaultOpener =>
      new VaultOpener({ store: new VaultStore(database.db), encryptionKey });
    expect((await opener(next).open())?.all()).toHaveLength(2);
    await expect(opener(rig.encryptionKey).open()).rejects.toMatchObject({ code: 'vault_not_configured' });
  });

  it('by a process that has not been given the newest data key yet is refused: it would be lost', async () => {
    const late = await rig.start('api-2', { encryptionKey: next, alone: true });
    const { keys: held, status } = first.vault;
    if (held === null || status === null) throw new Error('the vault is not open');
    late.vault.adopt(DataKeys.fromBytes(held.toBytes()), status);
    await first.admin.rotate({ data_key: true }, BY);
    await expect(late.admin.rotate({ encryption_key: true }, BY)).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    expect(await versions()).toEqual([1, 2]);
  });

  it('is refused also while nobody was told that there is a newer data key', async () => {
    const second = await rig.start('api-2', { store: unheard() });
    await expect(second.admin.rotate({ data_key: true }, BY)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(first.admin.rotate({ encryption_key: true }, BY)).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    expect(await versions()).toEqual([1, 2]);
  });

  it('is refused while the vault is locked', async () => {
    await first.admin.lock(BY);
    await expect(first.admin.rotate({ encryption_key: true }, BY)).rejects.toMatchObject({ code: 'vault_locked' });
  });
});

describe('a rotation of the data key', () => {
  beforeEach(() => first.secrets.set('a', 'sk-a', { by: BY }));

  it('during which the vault is locked leaves it locked, and what it has sealed opens after an unlocking', async () => {
    const store = storeWith(async (rotated) => {
      const isDone = await rotated();
      await first.admin.lock(BY);
      return isDone;
    });
    const second = await rig.start('api-2', { store });
    rig.published = 0;
    const rotation = second.admin.rotate({ data_key: true }, BY);
    await expect(rotation).rejects.toMatchObject({
      code: 'vault_locked',
      message: expect.stringContaining('stays so'),
    });
    expect(await new VaultStatusStore(fixture.redis).read()).toMatchObject({ state: 'locked' });
    await closed(first, second);
    expect([await versions(), rig.published]).toEqual([[1, 2], 1]);
    await first.admin.unlock(null, BY);
    expect(await secretIn(first, 'a')).toBe('sk-a');
  });

  it('that nobody was told of is made known by an unlocking, although the vault is open', async () => {
    const second = await rig.start('api-2', { store: unheard() });
    await holding(first.vault.status?.epoch, second);
    await expect(second.admin.rotate({ data_key: true }, BY)).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(secretIn(first, 'a')).rejects.toMatchObject({ code: 'vault_locked' });
    const before = first.vault.holds ?? Infinity;
    await first.admin.unlock(null, BY);
    expect(first.vault.holds).toBeGreaterThan(before);
    await holding(first.vault.status?.epoch, second);
    for (const one of [first, second]) expect(await secretIn(one, 'a')).toBe('sk-a');
  });
});

describe('the view of a vault whose record is damaged', () => {
  it('says so once, also where this process has found it', async () => {
    await sql`UPDATE vault SET checksum = 'x'`.execute(database.db);
    const { vault, view } = await rig.start('api-2');
    await waitFor(() => vault.fault !== null);
    expect(vault.fault).toContain('the vault record cannot be read');
    expect(await view()).toMatchObject({ warnings: [vault.fault] });
  });
});

describe('unlocking an open vault', () => {
  it('says nothing new where this process has the newest data key', async () => {
    const { holds } = first.vault;
    await first.admin.unlock(null, BY);
    expect(first.vault).toMatchObject({ holds, status: { epoch: holds } });
  });
});

describe('a locked vault', () => {
  it('opens for nobody because Redis says that it is open, until it is unlocked', async () => {
    const second = await rig.start('api-2');
    await first.admin.lock(BY);
    await closed(first, second);
    await fixture.redis.hset(keys.vault(), 'state', 'unlocked');
    await fixture.redis.publish(channels.vault(), 'state');
    const third = await rig.start('api-3');
    for (const { vault } of [first, second, third]) {
      await vault.look();
      expect(vault).toMatchObject({ holds: null, status: { state: 'unlocked' } });
    }
    await expect(first.admin.rotate({ data_key: true }, BY)).rejects.toMatchObject({ code: 'vault_locked' });
    await first.admin.unlock(null, BY);
    await holding(first.vault.status?.epoch, first, second, third);
    expect(await new VaultStore(database.db).read()).toMatchObject({ locked: false });
  });

  it('is opened by nobody when Redis has lost everything', async () => {
    const second = await rig.start('api-2');
    await first.admin.lock(BY);
    await closed(first, second);
    await fixture.redis.del(keys.vault());
    const status = new VaultStatusStore(fixture.redis);
    await waitFor(async () => (await status.read())?.state === 'locked');
    expect([first.vault.holds, second.vault.holds]).toEqual([null, null]);
  });
});

describe('the audit', () => {
  const all = { actor: null, action: null, target: null, fromMs: null, toMs: null };
  let marked = 0;

  const since = async (after: number): Promise<AuditRow[]> =>
    (await new AuditReader(database.db).page({ ...all, after, limit: 1_000 })).entries;
  const mark = async (): Promise<void> => {
    marked = (await since(0)).at(-1)?.seq ?? 0;
  };

  /** What is told of a change that is refused, as `action outcome error`. */
  async function toldOf(refused: Promise<unknown>, code: string): Promise<string[]> {
    await expect(refused).rejects.toMatchObject({ code });
    return (await since(marked)).map(({ action, outcome, error }) =>
      [action, outcome, ...(error?.split(':').slice(0, 1) ?? [])].join(' '),
    );
  }

  it('tells of a secret that was not written, because it was there, that it was not', async () => {
    await first.secrets.set('a', 'sk-a', { by: BY });
    await mark();
    const again = first.secrets.set('a', 'sk-b', { ifNoneMatch: '*', by: BY });
    expect(await toldOf(again, 'precondition_failed')).toEqual([
      'vault_secret.updated noted',
      'vault_secret.updated failed precondition_failed',
    ]);
  });

  it('tells of a secret that was not removed, because it had changed, that it was not', async () => {
    await first.secrets.set('a', 'sk-a', { by: BY });
    await mark();
    const removed = first.secrets.remove('a', { ifMatch: '"1"', by: BY });
    expect(await toldOf(removed, 'precondition_failed')).toEqual([
      'vault_secret.deleted noted',
      'vault_secret.deleted failed precondition_failed',
    ]);
    expect(await secretIn(first, 'a')).toBe('sk-a');
  });

  it('tells of a rotation that came too late that it was not done', async () => {
    const second = await rig.start('api-2', { store: storeWith(() => Promise.resolve(false)) });
    await mark();
    expect(await toldOf(second.admin.rotate({ data_key: true }, BY), 'precondition_failed')).toEqual([
      'vault.data_key_rotated noted',
      'vault.data_key_rotated failed precondition_failed',
    ]);
  });

  it('tells of a rotation whose answer got lost that it may be done, as it is', async () => {
    const second = await rig.start('api-2', { store: unheard() });
    await mark();
    expect(await toldOf(second.admin.rotate({ data_key: true }, BY), 'store_unavailable')).toEqual([
      'vault.data_key_rotated noted',
      'vault.data_key_rotated unknown store_unavailable',
    ]);
    expect(await versions()).toEqual([1, 2]);
  });

  it('tells of a vault that somebody else had made in between that it was not made', async () => {
    const store = new VaultStore(database.db);
    store.read = () => Promise.resolve(null);
    const second = await rig.start('api-2', { store });
    await mark();
    const made = second.admin.init({ mode: 'env', password: null }, BY);
    expect(await toldOf(made, 'vault_initialised')).toEqual([
      'vault.initialised noted',
      'vault.initialised failed vault_initialised',
    ]);
  });

  it('tells of what was done once', async () => {
    await mark();
    await first.admin.rotate({ data_key: true }, BY);
    expect((await since(marked)).map(({ action, outcome }) => [action, outcome])).toEqual([
      ['vault.data_key_rotated', 'noted'],
    ]);
  });
});
