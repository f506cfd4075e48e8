import { randomBytes } from 'node:crypto';
import { AuditLog } from '#audit/audit-log.js';
import type { Db } from '#database/connect-database.js';
import { AdministrationSession } from '#vault/administration-session.js';
import { HandOver } from '#vault/hand-over.js';
import { KeyExchange } from '#vault/key-exchange.js';
import { LiveVault } from '#vault/live-vault.js';
import { PasswordTries } from '#vault/password-tries.js';
import { newBoxKeyPair } from '#vault/sealed-box.js';
import { SecretStore } from '#vault/secret-store.js';
import { VaultOpener } from '#vault/vault-opener.js';
import { VaultStatusStore } from '#vault/vault-status.js';
import { VaultStore } from '#vault/vault-store.js';
import { SecretAdmin, type SecretAdminDeps } from '../../../apps/api/src/admin/vault/secret-admin.js';
import { VaultAdmin } from '../../../apps/api/src/admin/vault/vault-admin.js';
import { readVaultView } from '../../../apps/api/src/admin/vault/vault-view.js';
import type { RedisFixture } from './redis-fixture.js';

/** Who asks, in every test. */
export const BY = { actor: 'token', requestId: 'req_1' };

/** What an API process has for the vault. */
export interface VaultProcess {
  vault: LiveVault;
  admin: VaultAdmin;
  secrets: SecretAdmin;
  view: () => Promise<object>;
}

export interface VaultProcessOptions {
  encryptionKey?: Buffer;
  store?: VaultStore;
  /** It neither opens the vault by itself nor is handed the data keys. */
  alone?: boolean;
  declared?: SecretAdminDeps['declared'];
}

/** API processes with one cluster secret and, unless they are told otherwise, one encryption key. */
export class VaultRig {
  readonly encryptionKey = randomBytes(32);
  private readonly clusterSecret = randomBytes(32);
  readonly audit: AuditLog;
  /** How often the sealed secrets were published. */
  published = 0;

  constructor(
    private readonly fixture: RedisFixture,
    readonly db: Db,
  ) {
    this.audit = new AuditLog({ db, writeLine: () => undefined });
  }

  async start(processId: string, options: VaultProcessOptions = {}): Promise<VaultProcess> {
    const { encryptionKey = this.encryptionKey, store = new VaultStore(this.db) } = options;
    const redis = this.fixture.connect();
    const vault = await this.startVault(processId, { ...options, encryptionKey, store });
    const session = new AdministrationSession(redis, 60_000);
    const keys = { encryptionKey, clusterSecret: this.clusterSecret };
    const publish = (): Promise<void> => {
      this.published += 1;
      return Promise.resolve();
    };
    const admin = new VaultAdmin({
      ...{ store, vault, session, audit: this.audit, publishSecrets: publish },
      ...{ status: new VaultStatusStore(redis), tries: new PasswordTries(redis) },
      keys,
    });
    const secrets = new SecretAdmin({
      ...{ store: new SecretStore(this.db), vault, session, audit: this.audit, publish },
      declared: options.declared ?? { providers: [], projects: [] },
      escrow: { catchUp: () => Promise.resolve() },
      onError: this.fixture.onError,
    });
    return { vault, admin, secrets, view: () => readVaultView({ redis, store, vault, keys, session }) };
  }

  private async startVault(
    processId: string,
    { encryptionKey, store, alone = false }: VaultProcessOptions & { encryptionKey: Buffer; store: VaultStore },
  ): Promise<LiveVault> {
    const redis = this.fixture.connect();
    const { clusterSecret } = this;
    const handOver = new HandOver({ processId, pair: newBoxKeyPair(), clusterSecret });
    const vault = new LiveVault({
      ...{ status: new VaultStatusStore(redis), subscriber: this.fixture.connect(), pollMs: 50 },
      exchange: alone ? null : new KeyExchange({ redis, processId, handOver, onRefused: this.fixture.onError }),
      opener: alone ? null : new VaultOpener({ store, encryptionKey }),
      onError: this.fixture.onError,
    });
    await vault.start();
    this.fixture.after(() => vault.stop());
    return vault;
  }
}
