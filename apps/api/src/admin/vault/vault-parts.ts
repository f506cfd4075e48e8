import type { Provider } from '@nestjs/common';
import type { AuditSink } from '#contracts/audit.js';
import type { Database } from '#database/connect-database.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { AdministrationSession } from '#vault/administration-session.js';
import { Escrow } from '#vault/escrow.js';
import { LiveVault } from '#vault/live-vault.js';
import { PasswordTries } from '#vault/password-tries.js';
import { sealedSecrets, secretSnapshots, type SealedSecrets } from '#vault/sealed-secrets.js';
import { SECRET_KIND, SecretStore } from '#vault/secret-store.js';
import { VaultStatusStore } from '#vault/vault-status.js';
import { VaultStore } from '#vault/vault-store.js';
import { AUDIT } from '../audit/audit-parts.js';
import { SecretAdmin } from './secret-admin.js';
import { VaultAdmin } from './vault-admin.js';
import { readVaultView } from './vault-view.js';
import { VAULT_VIEW } from './vault.controller.js';

/** `@Inject(SECRET_PUBLISHER)`: the SettingsPublisher of the sealed secrets. */
export const SECRET_PUBLISHER = Symbol('secret publisher');

/** What is changed is published at once; this makes up for a process that ended in between. */
const REPAIR_EVERY_MS = 10_000;

/** The administration of the vault and of its secrets. */
export const VAULT_PARTS: Provider[] = [
  {
    provide: SecretStore,
    inject: [HISTORY_DATABASE],
    useFactory: (database: Database | null) => database && new SecretStore(database.db),
  },
  { provide: SECRET_PUBLISHER, inject: [SecretStore, REDIS, LOGGER], useFactory: buildPublisher },
  {
    provide: AdministrationSession,
    inject: [REDIS, CONFIG],
    useFactory: (redis: RedisClient, { vault }: TokenhubConfig) => new AdministrationSession(redis, vault.autoLockMs),
  },
  {
    provide: VaultAdmin,
    inject: [VaultStore, REDIS, LiveVault, CONFIG, AdministrationSession, AUDIT, SECRET_PUBLISHER],
    useFactory: buildAdmin,
  },
  {
    provide: SecretAdmin,
    inject: [SecretStore, CONFIG, LiveVault, Escrow, AdministrationSession, AUDIT, SECRET_PUBLISHER, LOGGER],
    useFactory: buildSecretAdmin,
  },
  {
    provide: VAULT_VIEW,
    inject: [REDIS, VaultStore, LiveVault, CONFIG, AdministrationSession],
    useFactory:
      (
        ...[redis, store, vault, config, session]: [
          RedisClient,
          VaultStore | null,
          LiveVault,
          TokenhubConfig,
          AdministrationSession,
        ]
      ) =>
      () =>
        readVaultView({ redis, store, vault, keys: config.vault.keys(), session }),
  },
];

function buildPublisher(
  store: SecretStore | null,
  redis: RedisClient,
  logger: Logger,
): SettingsPublisher<SealedSecrets> {
  return new SettingsPublisher({
    settings: store,
    snapshots: secretSnapshots(redis),
    kinds: [SECRET_KIND],
    merge: sealedSecrets,
    declaredMs: 0,
    everyMs: REPAIR_EVERY_MS,
    onError: (error) => logger.warn({ err: error }, 'the secrets could not be published'),
  });
}

function buildAdmin(
  ...[store, redis, vault, config, session, audit, publisher]: [
    VaultStore | null,
    RedisClient,
    LiveVault,
    TokenhubConfig,
    AdministrationSession,
    AuditSink,
    SettingsPublisher<SealedSecrets>,
  ]
): VaultAdmin {
  return new VaultAdmin({
    ...{ store, vault, session, audit, keys: config.vault.keys() },
    ...{ status: new VaultStatusStore(redis), tries: new PasswordTries(redis) },
    publishSecrets: () => publisher.publish(),
  });
}

function buildSecretAdmin(
  ...[store, declared, vault, escrow, session, audit, publisher, logger]: [
    SecretStore | null,
    TokenhubConfig,
    LiveVault,
    Escrow,
    AdministrationSession,
    AuditSink,
    SettingsPublisher<SealedSecrets>,
    Logger,
  ]
): SecretAdmin {
  return new SecretAdmin({
    ...{ store, declared, vault, escrow, session, audit },
    publish: () => publisher.publish(),
    onError: (error) => logger.warn({ err: error }, 'a change of secrets is not known here yet'),
  });
}
