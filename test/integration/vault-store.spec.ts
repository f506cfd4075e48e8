import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { SettingsStore } from '#settings/settings-store.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { DataKeys } from '#vault/data-keys.js';
import { newPasswordKdf } from '#vault/key-encryption.js';
import { SecretStore } from '#vault/secret-store.js';
import { wrapKeys, type VaultRecord } from '#vault/vault-record.js';
import { VaultStore } from '#vault/vault-store.js';

const record = (mode: 'env' | 'password' = 'password'): VaultRecord =>
  wrapKeys(
    { id: randomUUID(), mode, kdf: mode === 'env' ? null : newPasswordKdf() },
    DataKeys.first().withNext(),
    randomBytes(32),
  );

describe.each(DATABASE_KINDS)('the vault over %s', (kind) => {
  let server: DatabaseServer;
  let database: Database;
  let store: VaultStore;
  let secrets: SecretStore;
  let settings: SettingsStore;

  beforeAll(async () => {
    server = await startDatabase(kind);
    database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    await migrate(database.db);
    store = new VaultStore(database.db);
    secrets = new SecretStore(database.db);
    settings = new SettingsStore(database.db);
  });

  beforeEach(async () => {
    await sql`TRUNCATE vault, vault_secrets, settings`.execute(database.db);
  });

  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  const set = (name: string, sealed: string) => secrets.write(name, () => sealed);
  const names = async (): Promise<string[]> =>
    (await secrets.list({ after: null, limit: 100 })).secrets.map(({ name }) => name);

  describe('its record', () => {
    it.each(['env', 'password'] as const)('is read as it was written in mode %s', async (mode) => {
      const written = record(mode);
      expect(await store.read()).toBeNull();
      expect(await store.insert(written)).toBe(true);
      expect(await store.read()).toStrictEqual({
        record: written,
        locked: false,
        lockEpoch: 0,
        version: expect.any(Number),
      });
    });

    it('is made once, whoever else makes one at the same time', async () => {
      const made = await Promise.all([1, 2, 3].map(() => store.insert(record())));
      expect(made.filter(Boolean)).toHaveLength(1);
    });

    it('is changed by who has read it last', async () => {
      await store.insert(record());
      const { version } = (await store.read()) ?? { version: 0 };
      const next = record();
      expect(await store.replace(next, version)).toBe(true);
      expect(await store.replace(record(), version)).toBe(false);
      expect((await store.read())?.record).toStrictEqual(next);
    });

    it('remembers that an administrator has locked it', async () => {
      await store.insert(record());
      await store.lock(7);
      expect(await store.read()).toMatchObject({ locked: true, lockEpoch: 7 });
    });

    it('is unlocked by who knows of the last lock, and has read the record last', async () => {
      await store.insert(record());
      await store.lock(7);
      const { version = 0 } = (await store.read()) ?? {};
      expect(await store.unlock({ version, epoch: 6 })).toBe(false);
      expect(await store.unlock({ version: version - 1, epoch: 7 })).toBe(false);
      expect(await store.read()).toMatchObject({ locked: true });
      expect(await store.unlock({ version, epoch: 7 })).toBe(true);
      expect(await store.read()).toMatchObject({ locked: false });
    });

    it('is not locked by a word that comes too late', async () => {
      await store.insert(record());
      const { version = 0 } = (await store.read()) ?? {};
      await store.unlock({ version, epoch: 7 });
      await store.lock(7);
      expect(await store.read()).toMatchObject({ locked: false });
    });

    it.each([
      ['mode', sql`UPDATE vault SET mode = 'env'`],
      ['mode that is none', sql`UPDATE vault SET mode = 'paper'`],
      ['id', sql`UPDATE vault SET id = gen_random_uuid()`],
      ['hashing', sql`UPDATE vault SET kdf = jsonb_set(kdf::jsonb, '{passes}', '4')::json`],
      [
        'hashing that takes the machine down',
        sql`UPDATE vault SET kdf = jsonb_set(kdf::jsonb, '{memoryKib}', '999999999')::json`,
      ],
      ['hashing that is gone', sql`UPDATE vault SET kdf = NULL`],
      ['data key', sql`UPDATE vault SET data_keys = jsonb_set(data_keys::jsonb, '{0,wrapped}', '"x"')::json`],
      ['data key that is gone', sql`UPDATE vault SET data_keys = (data_keys::jsonb - 1)::json`],
      ['list of data keys that is none', sql`UPDATE vault SET data_keys = '{}'`],
      ['checksum', sql`UPDATE vault SET checksum = 'x'`],
    ])('with another %s is refused as damaged', async (_what, change) => {
      await store.insert(record());
      await change.execute(database.db);
      await expect(store.read()).rejects.toMatchObject({
        code: 'vault_corrupt',
        message: expect.stringContaining('the vault record'),
      });
    });
  });

  describe('its secrets', () => {
    it('are written, read, listed by name and removed', async () => {
      const made = await set('b', 'one');
      expect(made).toMatchObject({ isNew: true, secret: { name: 'b', sealed: 'one' } });
      const changed = await set('b', 'two');
      expect(changed).toMatchObject({ isNew: false, secret: { createdMs: made.secret.createdMs } });
      expect(changed.secret.version).toBeGreaterThan(made.secret.version);
      await set('a', 'x');
      expect(await secrets.read('b')).toStrictEqual(changed.secret);
      expect(await names()).toStrictEqual(['a', 'b']);
      expect(await secrets.list({ after: 'a', limit: 1 })).toMatchObject({ secrets: [{ name: 'b' }], hasMore: false });
      expect(await secrets.list({ after: null, limit: 1 })).toMatchObject({ hasMore: true });
      await secrets.remove('b', () => undefined);
      expect(await secrets.read('b')).toBeNull();
      await expect(secrets.remove('b', () => undefined)).rejects.toMatchObject({ code: 'vault_secret_not_found' });
    });

    it('what refuses a change leaves everything as it was', async () => {
      await set('a', 'x');
      const before = await secrets.all();
      const refuse = (): never => {
        throw new Error('refused');
      };
      await expect(secrets.write('a', refuse)).rejects.toThrow('refused');
      await expect(secrets.write('b', refuse)).rejects.toThrow('refused');
      await expect(secrets.remove('a', refuse)).rejects.toThrow('refused');
      expect(await secrets.all()).toStrictEqual(before);
    });

    it('are removed with a look at the providers of that moment', async () => {
      await set('a', 'x');
      const definition = { credential: { source: 'escrow', name: 'a' } };
      const changes = [
        { change: 'insert', kind: 'provider', id: 'p', definition },
        { change: 'insert', kind: 'model', id: 'm', definition: {} },
      ] as const;
      await settings.change([], () => changes, null);
      const seen: unknown[] = [];
      await secrets.remove('a', (_current, referrers) => seen.push(...referrers));
      expect(seen).toStrictEqual([{ kind: 'provider', id: 'p', definition }]);
    });

    it('are published in one order with the settings: each change of either is newer', async () => {
      const revisions = [(await secrets.all()).revision];
      await set('a', 'x');
      revisions.push((await secrets.all()).revision);
      await settings.change([], () => [{ change: 'insert', kind: 'model', id: 'm', definition: {} }], null);
      revisions.push((await secrets.all()).revision);
      await secrets.remove('a', () => undefined);
      revisions.push((await secrets.all()).revision);
      expect(revisions).toStrictEqual([...new Set(revisions)].toSorted((a, b) => a - b));
      expect((await secrets.all()).source).toBe((await settings.all([])).source);
    });
  });

  describe('a rotation', () => {
    it('puts the record and every secret anew, or nothing', async () => {
      await store.insert(record());
      for (const name of ['a', 'b']) await set(name, `old ${name}`);
      const { version } = (await store.read()) ?? { version: 0 };
      const before = [await store.read(), await secrets.all()];
      const next = record();
      await expect(
        store.rotate({ record: next, version }, (name) => {
          if (name === 'b') throw new Error('b does not open');
          return 'new';
        }),
      ).rejects.toThrow('b does not open');
      expect([await store.read(), await secrets.all()]).toStrictEqual(before);
      expect(await store.rotate({ record: next, version: version - 1 }, () => 'new')).toBe(false);
      expect([await store.read(), await secrets.all()]).toStrictEqual(before);
      expect(await store.rotate({ record: next, version }, (_name, sealed) => sealed.replace('old', 'new'))).toBe(true);
      expect((await store.read())?.record).toStrictEqual(next);
      expect((await secrets.all()).documents.map(({ definition }) => definition)).toStrictEqual([
        { sealed: 'new a' },
        { sealed: 'new b' },
      ]);
    });
  });

  it('while the database is away everything says so', async () => {
    const away = connectDatabase('postgres://postgres@127.0.0.1:1/postgres', {
      name: 'away',
      onError: () => undefined,
    });
    const unavailable = { code: 'store_unavailable' };
    await expect(new VaultStore(away.db).read()).rejects.toMatchObject(unavailable);
    await expect(new VaultStore(away.db).lock(1)).rejects.toMatchObject(unavailable);
    await expect(new SecretStore(away.db).read('a')).rejects.toMatchObject(unavailable);
    await expect(new SecretStore(away.db).all()).rejects.toMatchObject(unavailable);
    await away.close();
  });
});
