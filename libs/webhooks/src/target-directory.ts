import { TokenhubError } from '#contracts/error-catalogue.js';
import type { MadeEndpoint } from '#contracts/webhook.js';
import { secretNames, type SecretSource, type WebhookProject } from '#platform/config/config.js';
import { isWebhookSecret } from '#platform/config/webhook-secret.js';
import { resolveSecret, type CredentialStores } from '#registry/credentials.js';
import type { Cipher } from '#vault/cipher.js';

/** `missing`: not in this process's configuration or environment. `invalid`: of the wrong form. `unreadable`: what was sealed does not open. */
export type SecretFault = 'missing' | 'invalid' | 'unreadable';

/**
 * What keeps us from sending: `vault`: it is locked; `settings`: nobody has published the endpoints yet; `history`: the job is only there, and
 * the database is away; `receiver`: as many as may be are under way to it, or for its project.
 */
export type Hold = 'vault' | 'settings' | 'history' | 'receiver';

/** The codes of a vault that is not open at the moment. */
export type VaultClosed = 'vault_locked' | 'vault_uninitialised';

/** Where an event goes. */
export interface Target {
  project: string;
  /** An endpoint of the project; null for the URL that the job named itself. */
  endpoint: string | null;
  url: string | null;
}

export type FoundTarget =
  | { kind: 'ready'; url: string; secrets: readonly string[]; made: MadeEndpoint | null }
  | { kind: 'fault'; url: string; fault: SecretFault; cause?: unknown }
  | { kind: 'held'; by: 'vault'; code: VaultClosed }
  | { kind: 'held'; by: 'settings'; code: 'store_unavailable' }
  | { kind: 'disabled' }
  /** It is declared no longer, or deleted. */
  | { kind: 'removed' };

export interface TargetDirectoryDeps {
  config: { projects: readonly WebhookProject[] };
  stores: CredentialStores;
  made: {
    readonly isKnown: boolean;
    find(project: string, endpoint: string): MadeEndpoint | null;
    catchUp(): Promise<void>;
  };
  cipher: Pick<Cipher, 'open'>;
  now?: () => number;
}

const HELD_BY_SETTINGS = { kind: 'held', by: 'settings', code: 'store_unavailable' } as const;

/** The URLs and signing secrets of webhook targets: what this process's configuration declares, and what was made over the API. */
export class TargetDirectory {
  constructor(private readonly deps: TargetDirectoryDeps) {}

  /** Where a delivery goes and what signs it, at this moment. */
  async find({ project: projectId, endpoint: endpointId, url }: Target): Promise<FoundTarget> {
    const project = this.deps.config.projects.find(({ id }) => id === projectId);
    if (endpointId === null) {
      if (url === null) return { kind: 'removed' };
      return this.declared(url, project?.webhookSecret ?? null, secretNames.project(projectId));
    }
    const endpoint = project?.webhookEndpoints.find(({ id }) => id === endpointId);
    if (endpoint) {
      return this.declared(endpoint.url, endpoint.secret, secretNames.webhookEndpoint(projectId, endpointId));
    }
    const { made } = this.deps;
    // It may have been made, or enabled, a moment ago.
    if (!made.find(projectId, endpointId)?.enabled) await made.catchUp();
    const found = made.find(projectId, endpointId);
    if (found === null) return made.isKnown ? { kind: 'removed' } : HELD_BY_SETTINGS;
    return found.enabled ? this.opened(found) : { kind: 'disabled' };
  }

  /** A made endpoint with its secrets, also while it is disabled. */
  opened(made: MadeEndpoint): FoundTarget {
    const { cipher, now = Date.now } = this.deps;
    try {
      const live = made.secrets.filter(({ endsAtMs }) => endsAtMs === null || now() < endsAtMs);
      return { kind: 'ready', url: made.url, secrets: live.map(({ name, sealed }) => cipher.open(name, sealed)), made };
    } catch (error) {
      const code = vaultClosed(error);
      if (code !== null) return { kind: 'held', by: 'vault', code };
      return { kind: 'fault', url: made.url, fault: 'unreadable', cause: error };
    }
  }

  private declared(url: string, source: SecretSource | null, name: string): FoundTarget {
    if (source === null) return { kind: 'fault', url, fault: 'missing' };
    const result = resolveSecret(source, { name, owner: 'a webhook' }, this.deps.stores);
    if (result.state === 'unavailable') return { kind: 'held', by: 'vault', code: 'vault_locked' };
    if (result.state === 'missing') return { kind: 'fault', url, fault: 'missing' };
    const secret = result.secret ?? '';
    if (!isWebhookSecret(secret)) return { kind: 'fault', url, fault: 'invalid' };
    return { kind: 'ready', url, secrets: [secret], made: null };
  }
}

/** What a vault that is not open at the moment has answered; null for any other error. */
function vaultClosed(error: unknown): VaultClosed | null {
  const code = error instanceof TokenhubError ? error.code : null;
  return code === 'vault_locked' || code === 'vault_uninitialised' ? code : null;
}
