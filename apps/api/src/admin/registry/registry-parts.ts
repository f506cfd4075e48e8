import type { Provider } from '@nestjs/common';
import type { Database } from '#database/connect-database.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import { HttpClient } from '#http/http-client.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { buildSnapshot, type SnapshotContent } from '#registry/build-snapshot.js';
import type { CredentialStores } from '#registry/credentials.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { mergeRegistry, REGISTRY_KINDS, usableRegistry } from '#registry/merge-registry.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore } from '#settings/settings-store.js';
import { CREDENTIAL_STORES } from '#vault/vault.module.js';
import { ProviderProbe } from './provider-probe.js';
import { WorkerSight } from './readiness.js';
import { RegistryAdmin } from './registry-admin.js';

/** What an API process needs to let an administrator set the registry, and to publish it. */
export const REGISTRY_PARTS: Provider[] = [
  {
    provide: SettingsStore,
    inject: [HISTORY_DATABASE],
    useFactory: (database: Database | null) => database && new SettingsStore(database.db),
  },
  {
    provide: SettingsPublisher,
    inject: [SettingsStore, LiveRegistry, CONFIG, LOGGER],
    useFactory: buildPublisher,
  },
  {
    provide: WorkerSight,
    inject: [REDIS, LiveRegistry],
    useFactory: (redis: RedisClient, registry: LiveRegistry) => new WorkerSight(redis, registry),
  },
  {
    provide: RegistryAdmin,
    inject: [CONFIG, SettingsStore, SettingsPublisher, WorkerSight],
    useFactory: buildAdmin,
  },
  {
    provide: ProviderProbe,
    inject: [HttpClient, LiveRegistry, CREDENTIAL_STORES],
    useFactory: (http: HttpClient, registry: LiveRegistry, stores: CredentialStores) =>
      new ProviderProbe({ http, registry, stores }),
  },
];

function buildPublisher(
  ...[settings, registry, config, logger]: [SettingsStore | null, LiveRegistry, TokenhubConfig, Logger]
): SettingsPublisher<SnapshotContent> {
  return new SettingsPublisher({
    settings,
    snapshots: registry,
    kinds: REGISTRY_KINDS,
    merge: (documents) => buildSnapshot(usableRegistry(mergeRegistry(config, documents))),
    declaredMs: Date.now(),
    onError: (error) => logger.warn({ err: error }, 'the registry could not be published'),
  });
}

function buildAdmin(
  ...[declared, settings, publisher, sight]: [
    TokenhubConfig,
    SettingsStore | null,
    SettingsPublisher<SnapshotContent>,
    WorkerSight,
  ]
): RegistryAdmin {
  return new RegistryAdmin({ declared, settings, publisher, sight });
}
