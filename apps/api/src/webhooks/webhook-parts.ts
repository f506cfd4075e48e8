import type { Provider, Type } from '@nestjs/common';
import type { MadeEndpoints } from '#contracts/webhook.js';
import type { Database } from '#database/connect-database.js';
import { DeliveryHistory } from '#history/delivery-history.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { CONFIG, LOGGER, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import type { CredentialStores } from '#registry/credentials.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore } from '#settings/settings-store.js';
import { CIPHER, type Cipher } from '#vault/cipher.js';
import { CREDENTIAL_STORES } from '#vault/vault.module.js';
import { DeliveryFinder } from '#webhooks/delivery-finder.js';
import { DeliveryStore } from '#webhooks/delivery-store.js';
import { ENDPOINT_KIND, madeEndpoints } from '#webhooks/endpoint-definition.js';
import { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { KeptDeliveries } from '#webhooks/kept-deliveries.js';
import { endpointSnapshots, LiveEndpoints } from '#webhooks/live-endpoints.js';
import { TargetDirectory } from '#webhooks/target-directory.js';
import { ChangeTurns } from './change-turns.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveryDesk } from './delivery-desk.js';
import { EndpointDesk } from './endpoint-desk.js';
import { ENDPOINT_PUBLISHER } from './endpoint-publisher.js';
import { EndpointTest } from './endpoint-test.js';
import { EndpointsController } from './endpoints.controller.js';
import { StoredEndpoints } from './stored-endpoints.js';

/** `@Inject(WEBHOOK_HTTP)`: the HttpClient that calls no address that a stranger must not make us call. */
export const WEBHOOK_HTTP = Symbol('webhook http');

/** In the order in which Express tries them. */
export const WEBHOOK_CONTROLLERS: Type[] = [EndpointsController, DeliveriesController];

/** Webhook endpoints and what was delivered to them, as their projects handle them. */
export const WEBHOOK_PARTS: Provider[] = [
  { provide: EndpointMarks, inject: [REDIS], useFactory: (redis: RedisClient) => new EndpointMarks(redis) },
  {
    provide: LiveEndpoints,
    inject: [REDIS, REDIS_SUBSCRIBER, LOGGER],
    useFactory: (redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
      new LiveEndpoints({ redis, subscriber, onError: (error) => logger.debug({ err: error }, 'webhook endpoints') }),
  },
  {
    provide: ENDPOINT_PUBLISHER,
    inject: [SettingsStore, REDIS, LiveEndpoints, LOGGER],
    useFactory: buildPublisher,
  },
  {
    provide: StoredEndpoints,
    inject: [SettingsStore, ENDPOINT_PUBLISHER, REDIS],
    useFactory: (settings: SettingsStore | null, publisher: SettingsPublisher<MadeEndpoints>, redis: RedisClient) =>
      new StoredEndpoints({ settings, publisher, turns: new ChangeTurns(redis) }),
  },
  {
    provide: EndpointDesk,
    inject: [CONFIG, StoredEndpoints, EndpointMarks, CIPHER, LOGGER],
    useFactory: ({ projects, webhookAllow }: TokenhubConfig, ...[stored, marks, cipher, logger]: DeskParts) =>
      new EndpointDesk({
        ...{ projects, stored, marks, cipher, policy: new OutboundPolicy(webhookAllow), now: Date.now },
        onError: (error) => logger.warn({ err: error }, 'webhook endpoints'),
      }),
  },
  { provide: DeliveryDesk, inject: [CONFIG, REDIS, HISTORY_DATABASE, EndpointDesk], useFactory: buildDeliveries },
  {
    provide: WEBHOOK_HTTP,
    inject: [CONFIG],
    useFactory: ({ webhookAllow }: TokenhubConfig) =>
      new HttpClient({ guard: new AddressGuard(new OutboundPolicy(webhookAllow)) }),
  },
  {
    provide: EndpointTest,
    inject: [CONFIG, CREDENTIAL_STORES, REDIS, EndpointDesk, LiveEndpoints, CIPHER, WEBHOOK_HTTP],
    useFactory: buildTest,
  },
];

type DeskParts = [StoredEndpoints, EndpointMarks, Cipher, Logger];

/** For a Redis that has lost what it had: what a process that ended in between did not publish is found by its revision. */
const REPAIR_EVERY_MS = 10_000;

/** Only what is stored: each process adds what its own configuration declares, so that no two can differ in what they publish. */
function buildPublisher(
  ...[settings, redis, live, logger]: [SettingsStore | null, RedisClient, LiveEndpoints, Logger]
): SettingsPublisher<MadeEndpoints> {
  const store = endpointSnapshots(redis);
  return new SettingsPublisher({
    settings,
    snapshots: {
      // Published is what this process knows, too.
      publish: async (content, standing) => {
        const published = await store.publish(content, standing);
        await live.catchUp();
        return published;
      },
    },
    kinds: [ENDPOINT_KIND],
    merge: madeEndpoints,
    declaredMs: 0,
    everyMs: REPAIR_EVERY_MS,
    onError: (error) => logger.warn({ err: error }, 'the webhook endpoints could not be published'),
  });
}

function buildDeliveries(
  ...[{ history }, redis, database, endpoints]: [TokenhubConfig, RedisClient, Database | null, EndpointDesk]
): DeliveryDesk {
  const store = new DeliveryStore(redis, { recorded: history !== null });
  const finder = new DeliveryFinder(redis, store);
  const kept = new KeptDeliveries({ store, finder, history: database && new DeliveryHistory(database.db) });
  return new DeliveryDesk({ endpoints, kept, store });
}

function buildTest(
  ...[config, stores, redis, endpoints, made, cipher, http]: [
    TokenhubConfig,
    CredentialStores,
    RedisClient,
    EndpointDesk,
    LiveEndpoints,
    Cipher,
    HttpClient,
  ]
): EndpointTest {
  const targets = new TargetDirectory({ config, stores, made, cipher });
  return new EndpointTest({ endpoints, targets, http, redis });
}
