import { secretNames, type SecretSource, type WebhookProject } from '#platform/config/config.js';
import { isWebhookSecret } from '#platform/config/webhook-secret.js';
import { resolveSecret, type CredentialStores } from '#registry/credentials.js';
import type { Target } from './delivery-store.js';

/** `missing`: not in this process's configuration or environment. `invalid`: of the wrong form. `unavailable`: in the vault, which is locked. */
export type SecretFault = 'missing' | 'invalid' | 'unavailable';

export type FoundTarget = { url: string; secret: string } | { url: string; fault: SecretFault };

/** The URLs and signing secrets of webhook targets, as this process's configuration has them. */
export class TargetDirectory {
  constructor(
    private readonly config: { projects: readonly WebhookProject[] },
    private readonly stores: CredentialStores,
  ) {}

  /** Where a delivery goes and what signs it; null for an endpoint that is no longer declared. */
  find({ project: projectId, endpoint: endpointId, url }: Target): FoundTarget | null {
    const project = this.config.projects.find(({ id }) => id === projectId);
    if (endpointId === null) {
      if (url === null) return null;
      return this.with(url, project?.webhookSecret ?? null, secretNames.project(projectId));
    }
    const endpoint = project?.webhookEndpoints.find(({ id }) => id === endpointId);
    if (endpoint === undefined) return null;
    return this.with(endpoint.url, endpoint.secret, secretNames.webhookEndpoint(projectId, endpointId));
  }

  private with(url: string, source: SecretSource | null, name: string): FoundTarget {
    if (source === null) return { url, fault: 'missing' };
    const result = resolveSecret(source, { name, owner: 'a webhook' }, this.stores);
    if (result.state !== 'resolved') return { url, fault: result.state };
    const secret = result.secret ?? '';
    return isWebhookSecret(secret) ? { url, secret } : { url, fault: 'invalid' };
  }
}
