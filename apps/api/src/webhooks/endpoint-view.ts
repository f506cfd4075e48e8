import type { WebhookEndpointConfig } from '#platform/config/config.js';
import type { SettingsDocument } from '#settings/settings-store.js';
import { ownerOf, type Disabled, type EndpointDefinition } from '#webhooks/endpoint-definition.js';
import type { Mark } from '#webhooks/endpoint-marks.js';
import { iso, liveSecrets } from './endpoint-secret.js';

/** An endpoint as its project sees it. */
export interface EndpointView extends Record<string, unknown> {
  id: string;
  declared: boolean;
  url: string;
  enabled: boolean;
}

/** One that was made over the API. Its secrets are not in it. */
export function madeView(
  { id, definition, createdMs, updatedMs }: SettingsDocument,
  { mark, nowMs }: { mark: Mark | null; nowMs: number },
): EndpointView {
  const { url, events, description, disabled, secrets } = definition as EndpointDefinition;
  const why = disabled ?? disabledBy(mark);
  return {
    ...{ object: 'webhook_endpoint', id: ownerOf(id).endpoint, declared: false, url, events, description },
    ...{ enabled: why === null, disabled: why },
    secrets: liveSecrets(secrets, nowMs).map(({ hint, created_at, ends_at }) => ({ hint, created_at, ends_at })),
    ...{ created_at: iso(createdMs), updated_at: iso(updatedMs) },
  };
}

/** One that the configuration declares. */
export function declaredView({ id, url, events }: WebhookEndpointConfig, mark: Mark | null): EndpointView {
  return {
    ...{ object: 'webhook_endpoint', id, declared: true, url, events, description: null },
    ...{ enabled: mark === null, disabled: disabledBy(mark), secrets: [], created_at: null, updated_at: null },
  };
}

function disabledBy(mark: Mark | null): Disabled | null {
  return mark && { reason: mark.reason, since: iso(mark.at), last_error: mark.lastError };
}
