import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { SettingsStore } from '#settings/settings-store.js';
import { startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import type { EndpointDefinition } from '#webhooks/endpoint-definition.js';
import { CHANGE_LIMITS, ChangeTurns, type ChangeLimits } from '../../apps/api/src/webhooks/change-turns.js';
import { StoredEndpoints } from '../../apps/api/src/webhooks/stored-endpoints.js';
import { RedisFixture } from './support/redis-fixture.js';

/* How often, and how many at a time, a project's keys change its webhook endpoints. */

const fixture = new RedisFixture();
const refused = { code: 'rate_limit_exceeded', status: 429, options: { retryAfterS: expect.any(Number) } };
const nothing = (): Promise<void> => Promise.resolve();

describe('changes of endpoints', () => {
  const turns = (limits: Partial<ChangeLimits> = {}): ChangeTurns =>
    new ChangeTurns(fixture.connect(), { ...CHANGE_LIMITS, ...limits });

  it('of a project are made one after the other, also after one that failed, and no other project waits for them', async () => {
    const each = turns();
    const first = Promise.withResolvers<null>();
    const log: string[] = [];
    const note =
      (what: string, until: Promise<unknown> = nothing()) =>
      async (): Promise<void> => {
        log.push(`${what} begins`);
        await until.finally(() => log.push(`${what} ends`));
      };
    const outcomes = Promise.allSettled([
      each.take('a', note('one', first.promise)),
      each.take('a', note('two')),
      each.take('a', note('three')),
    ]);
    await waitFor(() => log.includes('one begins'));
    await each.take('b', note('other'));
    expect(log).toEqual(['one begins', 'other begins', 'other ends']);
    first.reject(new Error('broken'));
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(log.slice(3)).toEqual(['one ends', 'two begins', 'two ends', 'three begins', 'three ends']);
  });

  it('whose turn comes too late are refused, and not made', async () => {
    const each = turns({ patienceMs: 20 });
    const slow = Promise.withResolvers<null>();
    const begun = Promise.withResolvers<null>();
    const before = each.take('a', () => {
      begun.resolve(null);
      return slow.promise;
    });
    await begun.promise;
    let made = 0;
    const late = expect(each.take('a', () => Promise.resolve((made += 1)))).rejects.toMatchObject(refused);
    const since = performance.now();
    // Those that wait were counted before they began to.
    await waitFor(async () => (await counted('a')) === '2' && performance.now() - since > 200);
    slow.resolve(null);
    await Promise.all([before, late]);
    expect(made).toBe(0);
    await expect(each.take('a', () => Promise.resolve('made'))).resolves.toBe('made');
  });

  it('are counted by project over all processes, also those that fail, and the count ends by itself', async () => {
    const [here, there] = [turns({ most: 3, windowS: 1 }), turns({ most: 3, windowS: 1 })];
    await here.take('a', nothing);
    await there.take('a', nothing);
    await expect(here.take('a', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    let made = 0;
    for (const each of [here, there]) {
      await expect(each.take('a', () => Promise.resolve((made += 1)))).rejects.toMatchObject(refused);
    }
    expect(made).toBe(0);
    await there.take('b', nothing);
    await waitFor(() => there.take('a', nothing).then(() => true), { pauseMs: 50 });
  });

  const counted = (project: string) => fixture.redis.get(`{th}:webhook-endpoints-changed:${project}`);
});

describe('hundreds of changes of one endpoint at once', () => {
  let server: DatabaseServer;
  let database: Database;

  beforeAll(async () => {
    server = await startDatabase('postgres');
    database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    await migrate(database.db);
  });

  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  it('at two processes are made or refused as too many, and all that are made are kept', async () => {
    const settings = new SettingsStore(database.db);
    const processes = [fixture.connect(), fixture.connect()].map(
      (redis) => new StoredEndpoints({ settings, publisher: { publish: nothing }, turns: new ChangeTurns(redis) }),
    );
    const definition: EndpointDefinition = {
      ...{ url: 'https://example.org/', events: ['job.*'], description: '', disabled: null },
      ...{ armed_at: new Date().toISOString(), secrets: [] },
    };
    await processes[0]?.insert('p', 'one', definition);
    const name = { project: 'p', endpoint: 'one' };
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, async (_, n) => {
        const change = (current: EndpointDefinition) => ({ ...current, description: `${current.description} ${n}` });
        await processes[n % 2]?.update(name, change);
        return String(n);
      }),
    );
    const reasons = outcomes.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []));
    for (const reason of reasons) expect(reason).toMatchObject(refused);
    const made = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(made.length).toBeGreaterThan(0);
    expect(reasons.length).toBeGreaterThan(0);
    const kept = (await processes[1]?.read('p', 'one'))?.definition as EndpointDefinition;
    expect(kept.description?.trim().split(' ').toSorted()).toEqual(made.toSorted());
  });
});
