import { beforeEach, describe, expect, it } from '@jest/globals';
import type { HookTarget } from '#contracts/webhook.js';
import type { DeliveryPlace } from '#history/delivery-filter.js';
import { DeliveryHistory } from '#history/delivery-history.js';
import { Retention } from '#history/retention.js';
import { keys } from '#platform/keys.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { DeliveryFinder, type DeliveriesFound } from '#webhooks/delivery-finder.js';
import { KeptDeliveries } from '#webhooks/kept-deliveries.js';
import { HistoryFixture, type Boundary } from './support/history-fixture.js';
import { RedisFixture } from './support/redis-fixture.js';
import { HOOK, WebhookRig } from './support/webhook-rig.js';

/* Deliveries on their way into the history, and back out of it. */

const AT = Date.UTC(2026, 10, 22);
const GIVEN_UP = { attempt: 7, httpStatus: 500, reason: 'http_500', nextAt: null, receiverFailed: true };
const ARRIVED = { attempt: 1, httpStatus: 204, reason: null, nextAt: null, receiverFailed: false };
const TRY = { at: AT, httpStatus: 500, durationMs: 12, error: 'http_500' };
const GOOD_TRY = { at: AT + 9, httpStatus: 204, durationMs: 3, error: null };

describe.each(DATABASE_KINDS)('deliveries over %s', (kind) => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, kind);
  let rig: WebhookRig;
  let kept: KeptDeliveries;
  let recorded: DeliveryHistory;

  beforeEach(() => {
    rig = new WebhookRig(fixture, { recorded: true });
    recorded = new DeliveryHistory(history.db);
    const finder = new DeliveryFinder(fixture.redis, rig.deliveries);
    kept = new KeptDeliveries({ store: rig.deliveries, finder, history: recorded });
  });

  /** A delivery that was given up after a try. */
  async function dead(target: HookTarget = HOOK, at = AT): Promise<string> {
    const delivery = await rig.accepted(target, at);
    await rig.deliveries.dead(delivery, { ...GIVEN_UP, made: TRY });
    return delivery.id;
  }

  async function deadOnes(count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let n = 0; n < count; n++) ids.push(await dead(HOOK, AT + n));
    return ids;
  }

  const rows = () => history.db.selectFrom('webhook_deliveries').selectAll().orderBy('created_ms').execute();
  const redeliver = async (id: string) => rig.deliveries.redeliver((await kept.read(id)) ?? fail(id));
  const fail = (id: string): never => {
    throw new Error(`there is no delivery ${id}`);
  };

  it('that ended are recorded with their tries, and leave the list of Redis', async () => {
    const [id = ''] = await deadOnes(1);
    expect(await fixture.redis.pttl(keys.webhookDelivery(id))).toBe(-1);
    expect(Number(await fixture.redis.get(keys.ledgerWaiting()))).toBeGreaterThan(0);
    const before = await kept.read(id);
    history.recorder();
    await history.untilRecorded();
    expect(await recorded.read(id)).toEqual(before);
    expect(before).toMatchObject({ status: 'dead', tries: [TRY], reason: 'http_500', round: 1, endpoint: 'hook' });
    expect(await fixture.redis.pttl(keys.webhookDelivery(id))).toBeGreaterThan(0);
    expect(await fixture.redis.zcard(keys.webhookDeliveries('default', 'hook'))).toBe(0);
    expect(await fixture.redis.get(keys.ledgerWaiting())).toBe('0');
    expect(fixture.errors).toEqual([]);
  });

  it.each<Boundary>(['readMany', 'release', 'acknowledge'])(
    'killed at %s, every one is there once',
    async (boundary) => {
      const ids = await deadOnes(5);
      const first = history.recorder(boundary);
      await first.died;
      history.recorder();
      await history.untilRecorded();
      expect((await rows()).map(({ id }) => id)).toEqual(ids);
      expect(await fixture.redis.get(keys.ledgerWaiting())).toBe('0');
      for (const id of ids) expect(await fixture.redis.pttl(keys.webhookDelivery(id))).toBeGreaterThan(0);
    },
  );

  it('of several recorders at once are there once each', async () => {
    const ids = await deadOnes(30);
    for (let n = 0; n < 3; n++) history.recorder();
    await history.untilRecorded();
    expect((await rows()).map(({ id }) => id)).toEqual(ids);
  });

  it('begun anew are recorded again in their own place, with all their tries', async () => {
    const [id = ''] = await deadOnes(1);
    history.recorder();
    await history.untilRecorded();
    await fixture.redis.del(keys.webhookDelivery(id));
    expect(await redeliver(id)).toBe('started');
    expect(await kept.read(id)).toMatchObject({
      status: 'pending',
      round: 2,
      attempts: 0,
      endedAt: null,
      tries: [TRY],
    });
    expect(await fixture.redis.pttl(keys.webhookDelivery(id))).toBe(-1);
    await rig.deliveries.delivered(await rig.known(id), { ...ARRIVED, made: GOOD_TRY });
    await history.untilRecorded();
    const [row, ...others] = await rows();
    expect([row, others]).toMatchObject([{ status: 'delivered', round: 2, tries: [TRY, GOOD_TRY], reason: null }, []]);
    expect(await recorded.read(id)).toEqual(await rig.deliveries.read(id));
  });

  it('begun anew before they were recorded lose nothing, and hold no bytes twice', async () => {
    const [id = ''] = await deadOnes(1);
    expect(await redeliver(id)).toBe('started');
    expect(await fixture.redis.get(keys.ledgerWaiting())).toBe('0');
    history.recorder();
    await history.untilRecorded();
    expect(await rows()).toEqual([]);
    expect(await fixture.redis.zrange(keys.webhookDeliveries('default', 'hook'), 0, '-1')).toEqual([id]);
    await rig.deliveries.delivered(await rig.known(id), { ...ARRIVED, made: GOOD_TRY });
    await history.untilRecorded();
    expect(await rows()).toMatchObject([{ id, status: 'delivered', round: 2 }]);
    expect(await fixture.redis.get(keys.ledgerWaiting())).toBe('0');
  });

  it('an old word about one never takes the place of a newer one', async () => {
    const [id = ''] = await deadOnes(1);
    const first = (await kept.read(id)) ?? fail(id);
    await redeliver(id);
    await rig.deliveries.delivered(await rig.known(id), { ...ARRIVED, made: GOOD_TRY });
    const second = (await kept.read(id)) ?? fail(id);
    await recorded.add([second]);
    await recorded.add([first, second, first]);
    expect(await recorded.read(id)).toEqual(second);
    await rig.deliveries.release(first);
    expect(await fixture.redis.pttl(keys.webhookDelivery(id))).toBe(-1);
  });

  it.each(['https://example.org/\u0000hook', 'https://example.org/\ud800?x=\u0000', 'https://example.org/ü'])(
    'to a job’s own URL are recorded whatever is in it: %j',
    async (url) => {
      const id = await dead({ endpoint: null, url, events: ['job.*'] });
      history.recorder();
      await history.untilRecorded();
      expect(await recorded.read(id)).toMatchObject({ endpoint: null, url: new URL(url).href });
      expect(fixture.errors).toEqual([]);
      expect(await fixture.redis.xlen(keys.ledgerRefused())).toBe(0);
    },
  );

  it('that the database refuses are put aside, hold no bytes, and go when their time has come', async () => {
    const { id: bad, ...rest } = await rig.accepted();
    await rig.deliveries.dead({ id: bad, ...rest }, { ...GIVEN_UP, made: { ...TRY, error: 'a\u0000b' } });
    const good = await dead(HOOK, AT + 1);
    history.recorder();
    await history.untilRecorded();
    expect((await rows()).map(({ id }) => id)).toEqual([good]);
    expect(await fixture.redis.xlen(keys.ledgerRefused())).toBe(1);
    expect(await fixture.redis.get(keys.ledgerWaiting())).toBe('0');
    expect(await fixture.redis.pttl(keys.webhookDelivery(bad))).toBeGreaterThan(0);
    expect(await fixture.redis.zcard(keys.webhookDeliveries('default', 'hook'))).toBe(0);
  });

  it('older than the retention go', async () => {
    const ids = await deadOnes(3);
    history.recorder();
    await history.untilRecorded();
    await history.db
      .updateTable('webhook_deliveries')
      .set({ ended_ms: 1 })
      .where('id', '=', ids[0] ?? '')
      .execute();
    await new Retention(history.db, 1_000).sweep(2_000, new AbortController().signal);
    expect((await rows()).map(({ id }) => id)).toEqual(ids.slice(1));
  });

  it('are listed once each and in order, wherever they are, and as they are now', async () => {
    const ids = await deadOnes(9);
    history.recorder();
    await history.untilRecorded();
    // Two are tried again, one of which has arrived; three are new, and nobody has recorded them.
    const stop = history.recorder();
    await stop.stop();
    await redeliver(ids[1] ?? '');
    await redeliver(ids[4] ?? '');
    const fresh: string[] = [];
    for (let n = 0; n < 3; n++) fresh.push((await rig.accepted(HOOK, AT + 100 + n)).id);
    const list = async (filter: object, limit: number): Promise<string[]> => {
      const seen: string[] = [];
      for (let after: { id: string; at: number } | null = null, pages = 0; ; pages++) {
        expect(pages).toBeLessThan(20);
        const page = await kept.list('default', 'hook', { after, limit, filter });
        seen.push(...page.deliveries.map(({ id }) => id));
        if (!page.hasMore) return seen;
        after = (await kept.read(page.lastId ?? '')) ?? fail('cursor');
      }
    };
    const newestFirst = [...ids, ...fresh].toReversed();
    for (const limit of [1, 2, 5, 50]) expect(await list({}, limit)).toEqual(newestFirst);
    const pending = [...fresh.toReversed(), ids[4], ids[1]];
    const stillDead = ids.filter((_id, n) => n !== 1 && n !== 4).toReversed();
    for (const limit of [1, 3, 50]) {
      expect(await list({ status: 'pending' }, limit)).toEqual(pending);
      expect(await list({ status: 'dead' }, limit)).toEqual(stillDead);
      expect(await list({ createdFrom: AT + 2, createdBefore: AT + 101 }, limit)).toEqual(newestFirst.slice(2, -2));
    }
    expect(await kept.list('default', null, { after: null, limit: 5, filter: {} })).toMatchObject({ deliveries: [] });
  });

  it('without a history stay for a day, and then leave the list', async () => {
    const unrecorded = new WebhookRig(fixture);
    const delivery = await unrecorded.accepted();
    await unrecorded.deliveries.dead(delivery, { ...GIVEN_UP, made: TRY });
    expect(await fixture.redis.pttl(keys.webhookDelivery(delivery.id))).toBeGreaterThan(86_000_000);
    expect(await fixture.redis.xlen(keys.ledger())).toBe(0);
    const finder = new DeliveryFinder(fixture.redis, unrecorded.deliveries);
    const alone = new KeptDeliveries({ store: unrecorded.deliveries, finder, history: null });
    const list = async () => (await alone.list('default', 'hook', { after: null, limit: 5, filter: {} })).deliveries;
    expect((await list()).map(({ id }) => id)).toEqual([delivery.id]);
    await fixture.redis.del(keys.webhookDelivery(delivery.id));
    const left = await fixture.redis.pttl(keys.webhookDeliveries('default', 'hook'));
    expect(left).toBeGreaterThan(6 * 86_400_000);
    expect(await list()).toEqual([]);
    expect(await fixture.redis.exists(keys.webhookDeliveries('default', 'hook'))).toBe(0);
  });

  it('are all found, page by page, between thousands whose records are gone', async () => {
    const unrecorded = new WebhookRig(fixture);
    const list = keys.webhookDeliveries('default', 'hook');
    // More than one look goes through, around each that exists.
    const since = Date.now() - 60_000;
    const gone = (from: number, count: number) => {
      const places = Array.from({ length: count }, (_, n) => [since + from + n, `evt_${from + n}.hook`]);
      return fixture.redis.zadd(list, ...places.flat());
    };
    const ids: string[] = [];
    for (const place of [10_000, 7_000, 6_900, 3_000]) {
      ids.push((await unrecorded.accepted(HOOK, since + place)).id);
      await gone(place - 2_500, place === 7_000 ? 50 : 2_100);
    }
    const finder = new DeliveryFinder(fixture.redis, unrecorded.deliveries);
    const found: string[] = [];
    let after: DeliveryPlace | null = null;
    do {
      const page: DeliveriesFound = await finder.find('default', 'hook', { after, limit: 1, filter: {} });
      found.push(...page.deliveries.map(({ id }) => id));
      after = page.lookedTo;
      if (after !== null) expect(ids).toContain(after.id);
    } while (after !== null);
    expect(found).toEqual(ids);
    expect(await fixture.redis.zcard(list)).toBe(ids.length);
  });
});
