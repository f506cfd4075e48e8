import type { DoneBy } from '#audit/audit-log.js';
import type { AuditSink } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { isJsonObject } from '#contracts/json.js';
import type { SecretSource, TokenhubConfig } from '#platform/config/config.js';
import { allowsVersion, type Preconditions } from '#settings/etag.js';
import type { AdministrationSession } from '#vault/administration-session.js';
import { boundName, type Escrow } from '#vault/escrow.js';
import type { LiveVault } from '#vault/live-vault.js';
import { secretNotFound, type Referrer, type SecretStore, type StoredSecret } from '#vault/secret-store.js';
import type { ListRequest } from '../../http/parse-list.js';
import { isSecretName, NAME_RULE } from './vault.dto.js';

export interface SecretAdminDeps {
  declared: Pick<TokenhubConfig, 'providers' | 'projects'>;
  /** Null where there is no database. */
  store: SecretStore | null;
  vault: LiveVault;
  escrow: Pick<Escrow, 'catchUp'>;
  session: AdministrationSession;
  audit: AuditSink;
  publish: () => Promise<void>;
  /** Hears of a change that is made and that this process may not know yet. */
  onError: (error: unknown) => void;
}

/** The secrets of the vault: set and removed, and never shown. Whatever it refuses, it has written nothing. */
export class SecretAdmin {
  constructor(private readonly deps: SecretAdminDeps) {}

  /** A page, in order of the names; it needs no open vault. */
  async list(request: ListRequest): Promise<{ secrets: StoredSecret[]; hasMore: boolean }> {
    return this.store().list(request);
  }

  /** Throws `vault_secret_not_found`. */
  async read(name: string): Promise<StoredSecret> {
    const found = isSecretName(name) ? await this.store().read(name) : null;
    if (found === null) throw secretNotFound(name);
    return found;
  }

  /** Sets it, whether it is there or not. */
  async set(
    name: string,
    value: string,
    { ifMatch, ifNoneMatch, by }: Preconditions & { by: DoneBy },
  ): Promise<{ secret: StoredSecret; isNew: boolean }> {
    const { vault, audit } = this.deps;
    const store = this.store();
    if (!isSecretName(name)) {
      throw new TokenhubError('invalid_value', `${NAME_RULE.replace('$property', 'name')}.`, { param: 'name' });
    }
    await this.requireSession();
    const sealed = vault.cipher.seal(boundName(name), value);
    const before = await store.read(name);
    const verb = before ? 'updated' : 'created';
    const entry = {
      ...{ ...by, action: `vault_secret.${verb}`, target: name },
      ...{ before: before && { version: before.version }, after: { value: '[masked]' } },
    };
    const written = await audit.around(entry, () =>
      store.write(name, (current) => {
        if (current && ifNoneMatch?.trim() === '*') throw unmatched(`There is a secret ${name}.`);
        if (ifMatch !== undefined && !(current && allowsVersion(ifMatch, current.version))) throw unmatched(STALE);
        return sealed;
      }),
    );
    await this.tell();
    return written;
  }

  /** Throws `in_use` while something refers to it. */
  async remove(name: string, { ifMatch, by }: Preconditions & { by: DoneBy }): Promise<void> {
    await this.requireSession();
    const { version } = await this.read(name);
    const entry = { ...by, action: 'vault_secret.deleted', target: name, before: { version }, after: null };
    await this.deps.audit.around(entry, () =>
      this.store().remove(name, (current, referrers) => {
        if (ifMatch !== undefined && !allowsVersion(ifMatch, current.version)) throw unmatched(STALE);
        this.requireUnused(name, referrers);
      }),
    );
    await this.tell();
  }

  private requireUnused(name: string, referrers: readonly Referrer[]): void {
    const users = [...this.declaredUsers(name), ...referrers.filter((one) => refersTo(one, name))];
    if (users.length === 0) return;
    const used = users.map(({ kind, id }) => ({ kind, id }));
    const names = used.map(({ kind, id }) => `${kind} ${id}`).join(', ');
    throw new TokenhubError('in_use', `The secret ${name} is used by ${names}.`, { extensions: { used_by: used } });
  }

  private declaredUsers(name: string): Pick<Referrer, 'kind' | 'id'>[] {
    const { providers, projects } = this.deps.declared;
    const isIt = (source: SecretSource | { source: 'none' } | null): boolean =>
      source?.source === 'escrow' && source.name === name;
    return [
      ...providers.flatMap(({ id, credential }) => (isIt(credential) ? [{ kind: 'provider', id }] : [])),
      ...projects.flatMap(({ id, webhookSecret, webhookEndpoints }) => [
        ...(isIt(webhookSecret) ? [{ kind: 'project', id }] : []),
        ...webhookEndpoints.flatMap((one) => (isIt(one.secret) ? [{ kind: 'webhook endpoint', id: one.id }] : [])),
      ]),
    ];
  }

  private async requireSession(): Promise<void> {
    this.store();
    await this.deps.vault.look();
    await this.deps.session.require(this.deps.vault.status);
  }

  /** It is committed: whoever asked must hear of it, even when Redis is away and the processes hear of it later. */
  private async tell(): Promise<void> {
    const { publish, escrow, onError } = this.deps;
    await publish();
    await escrow.catchUp().catch(onError);
  }

  private store(): SecretStore {
    if (this.deps.store) return this.deps.store;
    throw new TokenhubError('settings_not_kept', 'Secrets are kept in a database: set TOKENHUB_DATABASE_URL.');
  }
}

const STALE = 'It has changed since, or is not there: read it again, and send its ETag as If-Match.';

function unmatched(message: string): TokenhubError {
  return new TokenhubError('precondition_failed', message);
}

function refersTo({ definition }: Referrer, name: string): boolean {
  const { credential } = definition as { credential?: unknown };
  return isJsonObject(credential) && credential.source === 'escrow' && credential.name === name;
}
