import type { Provider } from '@nestjs/common';
import type { MadeKeys } from '#contracts/key-rules.js';
import type { MadeEndpoints } from '#contracts/webhook.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { KeyRing } from '#registry/key-ring.js';
import { keySnapshots, LiveKeys } from '#registry/live-keys.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { KEY_KIND, madeKeys, PROJECT_KIND } from '#registry/made-keys.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore } from '#settings/settings-store.js';
import { ENDPOINT_PUBLISHER } from '../../webhooks/endpoint-publisher.js';
import { KeyAdmin } from './key-admin.js';
import { KnownModels } from './known-models.js';
import { ProjectAdmin, type AdminDeps } from './project-admin.js';
import { StoredKeys } from './stored-keys.js';

/** `@Inject(KEY_PUBLISHER)`: the SettingsPublisher of projects and keys. */
export const KEY_PUBLISHER = Symbol('key publisher');

/** `@Inject(KEY_ADMIN_DEPS)`: what the administration of projects and of keys share. */
const KEY_ADMIN_DEPS = Symbol('key admin deps');

/** Keys: who they belong to at this moment, and their administration. */
export const KEY_PARTS: Provider[] = [
  { provide: KeyRing, inject: [CONFIG], useFactory: (config: TokenhubConfig) => new KeyRing(config) },
  {
    provide: LiveKeys,
    inject: [KeyRing, REDIS, REDIS_SUBSCRIBER, LOGGER],
    useFactory: (ring: KeyRing, redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
      new LiveKeys({ ring, redis, subscriber, onError: (error) => logger.debug({ err: error }, 'keys') }),
  },
  { provide: KEY_PUBLISHER, inject: [SettingsStore, REDIS, LOGGER], useFactory: buildPublisher },
  {
    provide: KEY_ADMIN_DEPS,
    inject: [CONFIG, SettingsStore, KEY_PUBLISHER, ENDPOINT_PUBLISHER, LiveKeys, LiveRegistry, LOGGER],
    useFactory: buildAdminDeps,
  },
  ...[ProjectAdmin, KeyAdmin].map((part) => ({
    provide: part,
    inject: [KEY_ADMIN_DEPS],
    useFactory: (deps: AdminDeps) => new part(deps),
  })),
];

/**
 * What is changed is published at once. This makes up for a process that ended in between, so that nobody heard that the change was made;
 * more often it would cost too much with ten thousand keys.
 */
const REPAIR_EVERY_MS = 10_000;

/** Only what is stored: each process adds what its own configuration declares, so that no two can differ in what they publish. */
function buildPublisher(
  settings: SettingsStore | null,
  redis: RedisClient,
  logger: Logger,
): SettingsPublisher<MadeKeys> {
  return new SettingsPublisher({
    settings,
    snapshots: keySnapshots(redis),
    kinds: [PROJECT_KIND, KEY_KIND],
    merge: madeKeys,
    declaredMs: 0,
    everyMs: REPAIR_EVERY_MS,
    onError: (error) => logger.warn({ err: error }, 'the keys could not be published'),
  });
}

function buildAdminDeps(
  ...[config, settings, publisher, endpoints, live, registry, logger]: [
    TokenhubConfig,
    SettingsStore | null,
    SettingsPublisher<MadeKeys>,
    SettingsPublisher<MadeEndpoints>,
    LiveKeys,
    LiveRegistry,
    Logger,
  ]
): AdminDeps {
  const onError = (error: unknown): void => logger.warn({ err: error }, 'a change of keys is not known here yet');
  const stored = new StoredKeys({ settings, publisher, live, onError });
  return { config, stored, models: new KnownModels(registry, settings), endpoints, now: Date.now };
}
