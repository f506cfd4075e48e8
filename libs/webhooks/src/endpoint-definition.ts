import type { MadeEndpoint, MadeEndpoints, WebhookFilter } from '#contracts/webhook.js';

export const ENDPOINT_KIND = 'webhook_endpoint';

/** No project id has it. */
const SEPARATOR = '/';

/** One of an endpoint's secrets: sealed, and what people know it by. */
export interface EndpointSecret {
  /** Never the same twice, so that no two sealed texts of an endpoint can be swapped. */
  n: number;
  sealed: string;
  hint: string;
  /** ISO 8601. */
  created_at: string;
  /** From when on it signs no more; null for the newest. */
  ends_at: string | null;
}

export const DISABLE_REASONS = ['requested', 'failing', 'http_410'] as const;
export type DisableReason = (typeof DISABLE_REASONS)[number];

/** Why nothing goes to an endpoint, since when (ISO 8601), and how the last try failed. */
export interface Disabled {
  reason: DisableReason;
  since: string;
  last_error: string | null;
}

/** An endpoint as it is stored. */
export interface EndpointDefinition {
  url: string;
  events: WebhookFilter[];
  description: string | null;
  /** Null while it is enabled. */
  disabled: Disabled | null;
  /** ISO 8601; see `MadeEndpoint.armedAtMs`. */
  armed_at: string;
  /** The newest first. */
  secrets: EndpointSecret[];
}

/** The id of the document of a project's endpoint: those of a project lie together. */
export function documentId(project: string, endpoint: string): string {
  return `${project}${SEPARATOR}${endpoint}`;
}

/** Whose endpoint a document is. */
export function ownerOf(id: string): { project: string; endpoint: string } {
  const end = id.indexOf(SEPARATOR);
  return { project: id.slice(0, end), endpoint: id.slice(end + 1) };
}

/** What a secret's text is bound to when it is sealed. */
export function secretName(id: string, n: number): string {
  return `webhook-endpoint/${id}/${n}`;
}

/** What processes need of the stored endpoints. Every field is copied by name, so that nothing else gets into Redis. */
export function madeEndpoints(documents: readonly { id: string; definition: object }[]): MadeEndpoints {
  return { endpoints: documents.map(({ id, definition }) => madeEndpoint(id, definition as EndpointDefinition)) };
}

/** One stored endpoint as processes need it. */
export function madeEndpoint(id: string, definition: EndpointDefinition): MadeEndpoint {
  const { url, events, disabled, armed_at: armedAt, secrets } = definition;
  const { project, endpoint } = ownerOf(id);
  return {
    ...{ project, id: endpoint, url, events, enabled: disabled === null, armedAtMs: Date.parse(armedAt) },
    secrets: secrets.map(({ n, sealed, ends_at: endsAt }) => ({
      name: secretName(id, n),
      sealed,
      endsAtMs: endsAt === null ? null : Date.parse(endsAt),
    })),
  };
}
