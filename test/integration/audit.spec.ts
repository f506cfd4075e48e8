import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import type { AuditEntry } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { AuditLog } from '#audit/audit-log.js';
import { AuditReader, type AuditQuery, type AuditRow } from '#audit/audit-reader.js';
import { storeUnavailable } from '#database/answered.js';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { SettingsStore } from '#settings/settings-store.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';

const BY = { actor: 'session:ab12cd34', requestId: 'req_1' };
const EVERYTHING: AuditQuery = {
  ...{ actor: null, action: null, target: null, fromMs: null, toMs: null },
  ...{ after: 0, limit: 1_000 },
};
const paused = (target: string): AuditEntry => ({
  ...{ ...BY, action: 'pool.paused', target, before: null, after: { reason: 'maintenance' } },
});

describe.each(DATABASE_KINDS)('the audit over %s', (kind) => {
  let server: DatabaseServer;
  const opened: Database[] = [];
  let database: Database;
  let log: AuditLog;
  let reader: AuditReader;
  let settings: SettingsStore;
  const lines: object[] = [];

  const connect = (): Database => {
    const connected = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    opened.push(connected);
    return connected;
  };
  const logOver = ({ db }: Database): AuditLog => new AuditLog({ db, writeLine: (line) => lines.push(line) });
  const page = async (query: Partial<AuditQuery>): Promise<AuditRow[]> =>
    (await reader.page({ ...EVERYTHING, ...query })).entries;
  const newest = async (): Promise<number> => (await page({ limit: 1_000 })).at(-1)?.seq ?? 0;

  beforeAll(async () => {
    server = await startDatabase(kind);
    database = connect();
    await migrate(database.db);
    log = logOver(database);
    reader = new AuditReader(database.db);
    settings = new SettingsStore(database.db);
  });

  afterAll(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await server.stop();
  });

  it('tells who did what to what, before and after, and in which request', async () => {
    const since = Date.now();
    await log.record(paused('acme'));
    const [entry] = await page({ after: (await newest()) - 1 });
    expect(entry).toMatchObject({
      ...{ actor: BY.actor, action: 'pool.paused', target: 'acme', before: null, after: { reason: 'maintenance' } },
      ...{ outcome: 'noted', error: null, of_seq: null, request_id: 'req_1' },
    });
    expect(entry?.at_ms).toBeGreaterThanOrEqual(since);
  });

  it('keeps any text, and none of its secrets', async () => {
    const canary = 'c4n4ry0123456789';
    const odd = 'nul \u0000 and half a pair \ud800';
    await log.record({ ...paused(`${odd} th_${canary}`), before: { text: odd, password: canary }, after: null });
    const [entry] = await page({ after: (await newest()) - 1 });
    expect(entry?.before).toEqual({ text: odd, password: '[masked]' });
    const { rows } = await sql<{ text: string }>`SELECT e::text AS text FROM audit_entries e`.execute(database.db);
    expect(rows.filter(({ text }) => text.includes(canary))).toEqual([]);
  });

  describe('with a change of settings', () => {
    it('is written in the same transaction, with what was and what is', async () => {
      const after = await newest();
      const change = (name: string, verb?: string) =>
        settings.change([], () => [{ change: 'update', kind: 'key', id: 'k', definition: { name }, version: null }], {
          ...BY,
          ...(verb !== undefined && { verb }),
        });
      const definition = { name: 'a', secrets: [{ sha256: 'x' }] };
      await settings.change([], () => [{ change: 'insert', kind: 'key', id: 'k', definition }], BY);
      await change('b');
      await change('c', 'rotated');
      await settings.change([], () => [{ change: 'delete', kind: 'key', id: 'k', version: null }], BY);
      const told = (await page({ after })).map(({ action, before, after: now, outcome }) => [
        action,
        before,
        now,
        outcome,
      ]);
      const made = { name: 'a', secrets: [{ sha256: '[masked]' }] };
      expect(told).toEqual([
        ['key.created', null, made, 'committed'],
        ['key.updated', made, { name: 'b' }, 'committed'],
        ['key.rotated', { name: 'b' }, { name: 'c' }, 'committed'],
        ['key.deleted', { name: 'c' }, null, 'committed'],
      ]);
    });

    it('of an endpoint that goes with its project holds nothing of its secrets, and only the origin of its URL', async () => {
      const after = await newest();
      const secret = { n: 1, sealed: 'v1.c4n4ry', hint: 'whsec_…c4n4ry', created_at: '2026-11-22', ends_at: null };
      const definition = { url: 'https://hooks.example/c4n4ry?t=c4n4ry', events: ['job.*'], secrets: [secret] };
      const id = 'p/hook';
      await settings.change([], () => [{ change: 'insert', kind: 'webhook_endpoint', id, definition }], null);
      await settings.change([], () => [{ change: 'delete', kind: 'webhook_endpoint', id, version: null }], BY);
      const entries = await page({ after });
      expect(entries).toMatchObject([
        { action: 'webhook_endpoint.deleted', target: id, before: { url: 'https://hooks.example', events: ['job.*'] } },
      ]);
      expect(JSON.stringify(entries)).not.toContain('c4n4ry');
    });

    it('is not there when the change is not: refused, or nothing to do', async () => {
      const after = await newest();
      const missing = settings.change([], () => [{ change: 'delete', kind: 'key', id: 'none', version: null }], BY);
      await expect(missing).rejects.toMatchObject({ reason: 'missing' });
      await settings.change([], () => [], BY);
      expect(await page({ after })).toEqual([]);
    });

    it('is no change when it cannot be written', async () => {
      const other = connect();
      await sql`ALTER TABLE audit_entries ADD CONSTRAINT refuse_all CHECK (action <> 'key.created') NOT VALID`.execute(
        other.db,
      );
      const change = settings.change([], () => [{ change: 'insert', kind: 'key', id: 'n', definition: {} }], BY);
      await expect(change).rejects.toThrow('refuse_all');
      await sql`ALTER TABLE audit_entries DROP CONSTRAINT refuse_all`.execute(other.db);
      expect(await settings.read('key', 'n')).toBeNull();
    });
  });

  describe('around an effect outside the database', () => {
    it('has the entry before the effect begins', async () => {
      const after = await newest();
      const seen = await log.around(paused('p'), async () => (await page({ after })).map(({ outcome }) => outcome));
      expect(seen).toEqual(['noted']);
      expect(await page({ after })).toHaveLength(1);
    });

    it('tells that it did not happen, or that nobody knows, and why in words that are public', async () => {
      const after = await newest();
      const refused = new TokenhubError('job_finished', 'The job is already completed.');
      await expect(log.around(paused('p'), () => Promise.reject(refused))).rejects.toBe(refused);
      const internal = new Error('connect ECONNREFUSED 10.0.0.7');
      await expect(log.around(paused('p'), () => Promise.reject(internal))).rejects.toBe(internal);
      const unheard = storeUnavailable();
      await expect(log.around(paused('p'), () => Promise.reject(unheard))).rejects.toBe(unheard);
      const told = (await page({ after })).map(({ outcome, error, of_seq: of }) => [outcome, error, of]);
      expect(told).toEqual([
        ['noted', null, null],
        ['failed', 'job_finished: The job is already completed.', after + 1],
        ['noted', null, null],
        ['unknown', 'internal_error', after + 3],
        ['noted', null, null],
        ['unknown', `store_unavailable: ${unheard.message}`, after + 5],
      ]);
    });
  });

  it.each([
    ['UPDATE', "UPDATE audit_entries SET actor = 'somebody else'"],
    ['DELETE', 'DELETE FROM audit_entries'],
    ['DELETE of nothing', 'DELETE FROM audit_entries WHERE false'],
    ['TRUNCATE', 'TRUNCATE audit_entries CASCADE'],
    [
      'INSERT over an entry',
      `INSERT INTO audit_entries (seq, at_ms, actor, action, target, outcome)
      VALUES (1, 0, 'a', 'b', 'c', 'noted') ON CONFLICT (seq) DO UPDATE SET actor = 'somebody else'`,
    ],
    ['UPDATE by a replica', "SET LOCAL session_replication_role = 'replica'; UPDATE audit_entries SET actor = 'x'"],
  ])('refuses %s', async (_name, statement) => {
    await log.record(paused('kept'));
    const before = await page({});
    const tried = connect().db.transaction();
    await expect(tried.execute((trx) => sql.raw(statement).execute(trx))).rejects.toThrow('append-only');
    expect(await page({})).toEqual(before);
  });

  it('misses nothing: whoever reads while many write sees every entry once, in the order of its number', async () => {
    const start = await newest();
    const writers = Array.from({ length: 4 }, () => connect());
    const total = 80;
    const write = async (n: number): Promise<void> => {
      const writer = writers[n % 4] ?? database;
      const insert = { change: 'insert', kind: 'alias', id: `n${n}`, definition: { n } } as const;
      if (n % 2 === 0) await logOver(writer).record(paused(`n${n}`));
      else await new SettingsStore(writer.db).change([], () => [insert], BY);
    };
    const state = { written: 0 };
    const writing = Array.from({ length: total }, (_, n) => write(n).then(() => (state.written += 1)));
    const read: AuditRow[] = [];
    for (let more = true; more;) {
      const allWritten = state.written === total;
      const entries = await page({ after: read.at(-1)?.seq ?? start, limit: 7 });
      read.push(...entries);
      more = !allWritten || entries.length > 0;
    }
    await Promise.all(writing);
    expect(read.map(({ seq }) => seq)).toEqual(Array.from({ length: total }, (_, i) => start + 1 + i));
    expect(new Set(read.map(({ target }) => target)).size).toBe(total);
  });

  it('is found by actor, action, kind of action, target and time, page by page', async () => {
    const after = await newest();
    const record = (entry: Partial<AuditEntry>) => log.record({ ...paused('x'), ...entry });
    await record({ action: 'key.rotated', target: 'a' });
    await record({ action: 'keyring.opened', target: 'a' });
    await record({ action: 'key.created', target: 'b', actor: 'token' });
    const found = async (query: Partial<AuditQuery>) => (await page({ after, ...query })).map(({ action }) => action);
    expect(await found({ action: 'key.*' })).toEqual(['key.rotated', 'key.created']);
    expect(await found({ action: 'key.rotated' })).toEqual(['key.rotated']);
    expect(await found({ target: 'a' })).toEqual(['key.rotated', 'keyring.opened']);
    expect(await found({ actor: 'token' })).toEqual(['key.created']);
    const at = (await page({ after }))[1]?.at_ms ?? 0;
    expect(await found({ toMs: at - 60_000 })).toEqual([]);
    expect((await found({ fromMs: at - 60_000, toMs: at + 60_000 })).length).toBe(3);
    expect((await reader.page({ ...EVERYTHING, after, limit: 2 })).hasMore).toBe(true);
    expect((await reader.page({ ...EVERYTHING, after, limit: 3 })).hasMore).toBe(false);
  });

  it('while the database is away nothing is done that it would have told of', async () => {
    const away = connectDatabase('postgres://nobody@127.0.0.1:1/none', { name: 'test', onError: () => undefined });
    opened.push(away);
    let happened = false;
    const effect = (): Promise<void> => {
      happened = true;
      return Promise.resolve();
    };
    const refused = logOver(away).around(paused('p'), effect);
    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
    expect(happened).toBe(false);
  });
});

describe('without a database', () => {
  it('an action is a line of the log, and so is that it failed', async () => {
    const lines: object[] = [];
    const log = new AuditLog({ db: null, writeLine: (line) => lines.push(line) });
    const refused = new TokenhubError('provider_not_found', 'There is no provider p.');
    const entry = { ...paused('p'), after: { reason: 'see https://u:c4n4ry@host/' } };
    await expect(log.around(entry, () => Promise.reject(refused))).rejects.toBe(refused);
    const told = { actor: BY.actor, action: 'pool.paused', target: 'p', requestId: 'req_1', before: null };
    expect(lines).toMatchObject([
      { audit: { ...told, outcome: 'noted' } },
      { audit: { ...told, outcome: 'failed', error: 'provider_not_found: There is no provider p.' } },
    ]);
    expect(JSON.stringify(lines)).not.toContain('c4n4ry');
  });
});
