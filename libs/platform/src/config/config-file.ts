import type { CallKind } from '#contracts/job-state.js';
import type { WirePolicy } from '#contracts/policy.js';
import type { Capability, Limits, ProviderType } from '#contracts/registry-snapshot.js';
import type { Scope } from '#contracts/scopes.js';
import type { WebhookFilter } from '#contracts/webhook.js';

/** The file as written, after the schema has checked it and filled in its defaults. */
export interface ConfigFile {
  server: { host: string; port: number; body_limit_mb: number };
  providers: FileProvider[];
  models: FileModel[];
  aliases: FileAlias[];
  projects: FileProject[];
}

export interface FileProvider {
  id: string;
  type: ProviderType;
  base_url?: string;
  endpoints?: string[];
  credential: FileCredential;
  enabled: boolean;
  limits: Limits;
  timeouts: { connect_ms: number; first_token_ms: number; idle_ms: number; answer_ms: number; cool_down_ms: number };
}

export type FileSecret =
  { source: 'env'; name: string } | { source: 'escrow'; name: string } | { source: 'config'; value: string };

export type FileCredential = FileSecret | { source: 'none' };

export interface FileModel {
  id: string;
  provider: string;
  upstream_model?: string;
  weight: number;
  enabled: boolean;
  expected_latency_ms: number;
  context_tokens: number;
  max_output_tokens?: number;
  price: {
    input_per_1k: number;
    output_per_1k: number;
    cached_input_per_1k?: number;
    cache_write_per_1k?: number;
    cache_write_1h_per_1k?: number;
  };
  capabilities?: Capability[];
  kinds?: CallKind[];
  drop_sampling_parameters: boolean;
  limits?: Limits;
}

export interface FileAlias {
  id: string;
  members: { model: string; weight: number }[];
  sticky_by: 'key' | 'request';
}

export interface FileProject extends FileUse {
  id: string;
  webhook_secret?: FileSecret;
  keys: FileKey[];
  webhook_endpoints: FileWebhookEndpoint[];
}

export interface FileKey extends FileUse {
  id: string;
  sha256: string;
  scopes: Scope[];
  share: number;
  limits: Limits;
  expires_at?: string;
}

/** What projects and keys have in common. */
export interface FileUse {
  name?: string;
  disabled: boolean;
  allowed_models?: string[];
  policy: WirePolicy;
  budget: FileBudget;
}

export interface FileBudget {
  day_usd?: number;
  month_usd?: number;
}

export interface FileWebhookEndpoint {
  id: string;
  url: string;
  secret: FileSecret;
  events: WebhookFilter[];
}
