import type { RedisClient } from '#platform/redis.js';
import type { CredentialResult, SecretEscrow } from '#registry/credentials.js';
import type { Cipher } from './cipher.js';
import { secretSnapshots, type SealedSecrets } from './sealed-secrets.js';
import { isVaultError } from './vault-error.js';

/** What a secret of the vault is bound to. */
export const boundName = (name: string): string => `provider-secret/${name}`;

export interface EscrowDeps {
  redis: RedisClient;
  subscriber: RedisClient;
  cipher: Cipher;
  onError: (error: unknown) => void;
}

/** The secrets of the vault in a process: it follows them sealed, and opens one when it is asked for. */
export class Escrow implements SecretEscrow {
  /** Null until the first is known. */
  private newest: SealedSecrets | null = null;
  /** Just after a rotation of the data key the newest may be sealed with a key that has not arrived yet. */
  private before: SealedSecrets | null = null;
  private readonly ended = new AbortController();
  private readonly listeners: (() => void)[] = [];
  private look: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly deps: EscrowDeps) {}

  /** Resolves once the newest secrets are known, sealed; follows from then on. */
  async start(): Promise<void> {
    const { redis, subscriber, onError } = this.deps;
    this.look = await secretSnapshots(redis).follow((snapshot) => this.accept(snapshot), {
      ...{ subscriber, onError, signal: this.ended.signal },
    });
  }

  /** Resolves once everything is known that is published at this moment; rejects when Redis cannot be asked. */
  async catchUp(): Promise<void> {
    await this.look();
  }

  /** Calls the listener after each change of the secrets. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  stop(): void {
    this.ended.abort();
  }

  find(name: string): CredentialResult {
    if (this.newest === null) return { state: 'unavailable', reason: 'the secrets of the vault are not known yet' };
    const found = this.open(sealedAs(name, this.newest), name);
    if (found.state !== 'unavailable') return found;
    const before = this.before && sealedAs(name, this.before);
    const older = before == null ? found : this.open(before, name);
    return older.state === 'resolved' ? older : found;
  }

  private open(sealed: string | undefined, name: string): CredentialResult {
    if (sealed === undefined) return { state: 'missing', reason: `the vault has no secret ${name}` };
    try {
      return { state: 'resolved', secret: this.deps.cipher.open(boundName(name), sealed) };
    } catch (error) {
      if (isVaultError(error, 'vault_locked')) return { state: 'unavailable', reason: 'the vault is locked' };
      if (isVaultError(error, 'vault_corrupt')) {
        return { state: 'missing', reason: `the secret ${name} of the vault is not as it was written` };
      }
      throw error;
    }
  }

  private accept(snapshot: SealedSecrets): void {
    this.before = this.newest;
    this.newest = snapshot;
    for (const listener of this.listeners) listener();
  }
}

/** Names are an administrator's: `constructor` may be one. */
function sealedAs(name: string, { secrets }: SealedSecrets): string | undefined {
  return Object.hasOwn(secrets, name) ? secrets[name] : undefined;
}
