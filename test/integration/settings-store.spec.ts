import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { SettingsConflict, SettingsStore, type SettingsChange } from '#settings/settings-store.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';

const insert = (id: string, definition: object = {}, kind = 'model'): SettingsChange => ({
  ...{ change: 'insert', kind, id, definition },
});
const update = (id: string, definition: object, version: number | null = null): SettingsChange => ({
  ...{ change: 'update', kind: 'model', id, definition, version },
});
const remove = (id: string, version: number | null = null): SettingsChange => ({
  ...{ change: 'delete', kind: 'model', id, version },
});

describe.each(DATABASE_KINDS)('settings over %s', (kind) => {
  let server: DatabaseServer;
  let database: Database;
  let store: SettingsStore;

  beforeAll(async () => {
    server = await startDatabase(kind);
    database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    await migrate(database.db);
    store = new SettingsStore(database.db);
  });

  beforeEach(async () => {
    await sql`TRUNCATE settings`.execute(database.db);
  });

  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  const make = (...changes: SettingsChange[]) => store.change([], () => changes, null);
  const idsOf = async (): Promise<string[]> => (await store.all(['model'])).documents.map(({ id }) => id);

  it('keeps a document as it was given, whatever text is in it', async () => {
    const definition = { b: [1, { c: null }], a: 'nul \u0000 and half a pair \ud800', weight: 0.1 };
    const before = Date.now();
    const { documents } = await make(insert('llama3:8b', definition));
    const [made] = documents;
    expect(made).toMatchObject({ kind: 'model', id: 'llama3:8b', definition });
    expect(made?.createdMs).toBeGreaterThanOrEqual(before);
    expect(await store.read('model', 'llama3:8b')).toStrictEqual(made);
    expect(await store.read('provider', 'llama3:8b')).toBeNull();
  });

  it('every change grows the revision, which is the version of what it changed', async () => {
    const first = await make(insert('a'));
    const second = await make(update('a', { n: 2 }), insert('b'));
    expect(second.revision).toBeGreaterThan(first.revision);
    expect(second.documents.map(({ id, version }) => [id, version])).toStrictEqual([
      ['a', second.revision],
      ['b', second.revision],
    ]);
    expect((await store.all(['model'])).revision).toBe(second.revision);
  });

  it('a document that is deleted and made again has a version that it never had', async () => {
    const { documents } = await make(insert('a'));
    await make(remove('a'));
    const again = await make(insert('a'));
    expect(again.documents[0]?.version).toBeGreaterThan(documents[0]?.version ?? Infinity);
  });

  it.each<[SettingsConflict['reason'], (version: number) => SettingsChange]>([
    ['exists', () => insert('a', { other: true })],
    ['missing', () => update('none', {})],
    ['missing', () => remove('none')],
    ['stale', (version) => update('a', { other: true }, version - 1)],
    ['stale', (version) => remove('a', version - 1)],
  ])('a change that is refused as %s writes nothing, also of what came before it', async (reason, change) => {
    const { documents, revision } = await make(insert('a', { n: 1 }));
    const version = documents[0]?.version ?? 0;
    const refused = make(insert('before'), change(version));
    await expect(refused).rejects.toBeInstanceOf(SettingsConflict);
    await expect(refused).rejects.toMatchObject({ reason });
    expect(await store.all(['model'])).toMatchObject({ documents, revision });
  });

  it('the version that a change was made from, or none, lets it through', async () => {
    const { documents } = await make(insert('a'));
    const next = await make(update('a', { n: 2 }, documents[0]?.version ?? 0));
    expect(next.documents[0]).toMatchObject({ definition: { n: 2 }, createdMs: documents[0]?.createdMs });
    expect((await make(update('a', { n: 3 }))).documents[0]?.definition).toStrictEqual({ n: 3 });
    expect((await make(remove('a'))).documents).toStrictEqual([]);
    expect(await store.read('model', 'a')).toBeNull();
  });

  it('a change sees all documents of the kinds it asks for, and what it throws leaves them as they were', async () => {
    await make(insert('m'), insert('p', {}, 'provider'), insert('k', {}, 'key'));
    const seen: string[][] = [];
    const refused = store.change(
      ['model', 'provider'],
      (current) => {
        seen.push(current.map(({ kind: of, id }) => `${of} ${id}`));
        throw new Error('not like this');
      },
      null,
    );
    await expect(refused).rejects.toThrow('not like this');
    expect(seen).toStrictEqual([['model m', 'provider p']]);
    expect(await idsOf()).toStrictEqual(['m']);
  });

  it('changes at once happen one after the other: each sees those before it', async () => {
    await Promise.all(
      Array.from({ length: 20 }, () =>
        store.change(['model'], (current) => [insert(String(current.length).padStart(2, '0'))], null),
      ),
    );
    expect(await idsOf()).toStrictEqual(Array.from({ length: 20 }, (_, n) => String(n).padStart(2, '0')));
  });

  it('no change at all leaves the revision', async () => {
    const { revision } = await make(insert('a'));
    expect(await make()).toMatchObject({ documents: [], revision });
    expect((await store.all([])).documents).toStrictEqual([]);
  });

  it('lists a kind page by page in the order of ids', async () => {
    await make(...['b', 'a', 'B', 'd', 'c'].map((id) => insert(id)), insert('x', {}, 'alias'));
    const pages: string[][] = [];
    for (let after: string | null = null, more = true; more;) {
      const page: Awaited<ReturnType<SettingsStore['list']>> = await store.list('model', { after, limit: 2 });
      pages.push(page.documents.map(({ id }) => id));
      after = page.documents.at(-1)?.id ?? null;
      more = page.hasMore;
    }
    expect(pages).toStrictEqual([['B', 'a'], ['b', 'c'], ['d']]);
  });

  it('a database that was away as the processes started is migrated by the first look', async () => {
    await sql`DROP SCHEMA public CASCADE`.execute(database.db);
    await sql`CREATE SCHEMA public`.execute(database.db);
    await expect(make(insert('a'))).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await store.all(['model'])).toMatchObject({ documents: [], revision: 0 });
    await make(insert('a'));
    expect(await idsOf()).toStrictEqual(['a']);
  });

  it('a database that went is told of as store_unavailable', async () => {
    const gone = connectDatabase('postgres://postgres@127.0.0.1:1/none', { name: 'test', onError: () => undefined });
    const away = new SettingsStore(gone.db);
    await expect(away.read('model', 'a')).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(away.change([], () => [insert('a')], null)).rejects.toMatchObject({ code: 'store_unavailable' });
    await gone.close();
  });
});
