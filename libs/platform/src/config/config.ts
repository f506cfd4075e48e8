import type { Budget } from '#contracts/budgets.js';
import type { CallKind } from '#contracts/job-state.js';
import type { WirePolicy } from '#contracts/policy.js';
import type { Capability, CredentialSource, Limits, ProviderType, Timeouts } from '#contracts/registry-snapshot.js';
import type { Scope } from '#contracts/scopes.js';
import type { WebhookFilter } from '#contracts/webhook.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything that a process is told at start, checked, with every default filled in. It never changes while the process lives. */
export interface TokenhubConfig {
  readonly server: ServerConfig;
  /** `off` needs no key on `/v1/*`; only ever together with a loopback host. */
  readonly auth: 'on' | 'off';
  /** A key of project `default` with all scopes. */
  readonly apiKey: string | null;
  readonly adminToken: string | null;
  readonly redis: RedisTarget;
  /** Null keeps nothing beyond Redis. */
  readonly history: HistoryConfig | null;
  readonly worker: WorkerConfig;
  readonly vault: VaultConfig;
  /** How long a synchronous call may wait before it is answered with 504. */
  readonly syncTimeoutMs: number;
  readonly logLevel: LogLevel;
  /** Host names, addresses and subnets that webhooks may go to although they are private, or speak plain http. */
  readonly webhookAllow: readonly string[];
  /** How long a webhook endpoint that was made over the API may fail without a success before it is disabled. */
  readonly webhookDisableMs: number;
  /** Absolute path of the folder for private files: the admin token, embedded stores. */
  readonly stateDir: string;
  readonly providers: readonly ProviderConfig[];
  readonly models: readonly ModelConfig[];
  readonly aliases: readonly AliasConfig[];
  readonly projects: readonly ProjectConfig[];
  /** The values of `source: config`, by secret name. A Map, so that a configuration that is logged or serialised shows none. */
  readonly secrets: ReadonlyMap<string, string>;
}

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  readonly bodyLimitBytes: number;
  /** Addresses and subnets of proxies whose word counts for where a request came from. */
  readonly trustedProxies: readonly string[];
}

export interface HistoryConfig {
  readonly databaseUrl: string;
  /** How long a finished job stays in Redis once it is recorded. */
  readonly hotMs: number;
  /** How long finished jobs and attempts stay in the database. */
  readonly retentionMs: number;
  /** How many bytes may wait in Redis to be recorded before jobs are refused. */
  readonly backlogBytes: number;
}

export interface VaultConfig {
  /** A function, so that a configuration that is logged or serialised shows none. */
  readonly keys: () => VaultKeys;
  /** How long the administration of secrets stays open when nobody uses it; with a password only. */
  readonly autoLockMs: number;
}

export interface VaultKeys {
  /** 32 bytes that the vault's data keys are encrypted with in mode `env`; null where this process has none. */
  readonly encryptionKey: Buffer | null;
  /** What processes know one another by; null where this process has none. */
  readonly clusterSecret: Buffer | null;
}

export interface WorkerConfig {
  /** Where the worker serves health and metrics. */
  readonly host: string;
  readonly port: number;
  /** The pools that this worker serves; null means all. */
  readonly pools: readonly string[] | null;
  /** Attempts at a time, per pool and process. */
  readonly concurrency: number;
}

export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisNode[];
      readonly name: string;
      readonly access: RedisAccess;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisNode[]; readonly access: RedisAccess };

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** What the Redis URL says besides the address; with Sentinel and Cluster it is used for every data node. */
export interface RedisAccess {
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: Record<string, never>;
}

export interface ProviderConfig {
  readonly id: string;
  readonly type: ProviderType;
  /** Base URLs without a trailing slash; more than one only for vLLM. */
  readonly endpoints: readonly string[];
  readonly credential: CredentialSource;
  readonly enabled: boolean;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
}

export interface ModelConfig {
  readonly id: string;
  readonly provider: string;
  readonly upstreamModel: string;
  readonly weight: number;
  readonly enabled: boolean;
  readonly expectedLatencyMs: number;
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  readonly price: PriceConfig;
  readonly capabilities: readonly Capability[];
  readonly kinds: readonly CallKind[];
  readonly dropSamplingParameters: boolean;
  readonly limits: Limits | null;
}

/** US dollars per 1,000 tokens, as declared. */
export interface PriceConfig {
  readonly inputPer1k: number;
  readonly outputPer1k: number;
  readonly cachedInputPer1k: number;
  readonly cacheWritePer1k: number;
}

export interface AliasConfig {
  readonly id: string;
  readonly members: readonly { readonly model: string; readonly weight: number }[];
  readonly stickyBy: 'key' | 'request';
}

/** What projects and keys have in common. */
export interface UseConfig {
  /** For people; null shows the id. */
  readonly name: string | null;
  /** Every request is refused. */
  readonly disabled: boolean;
  /** Ids of the models and aliases that may be asked for; null means all. */
  readonly allowedModels: readonly string[] | null;
  /** What holds where a request says nothing; a key's words come before its project's. */
  readonly policy: WirePolicy;
  /** What its jobs may cost. */
  readonly budget: Budget;
}

export interface ProjectConfig extends UseConfig {
  readonly id: string;
  /** Signs the webhooks that a job names itself; null means that such jobs are refused. */
  readonly webhookSecret: SecretSource | null;
  readonly keys: readonly KeyConfig[];
  readonly webhookEndpoints: readonly WebhookEndpointConfig[];
}

/** What webhooks need of a project. */
export type WebhookProject = Pick<ProjectConfig, 'id' | 'webhookSecret' | 'webhookEndpoints'>;

export type SecretSource = Exclude<CredentialSource, { source: 'none' }>;

export interface KeyConfig extends UseConfig {
  readonly id: string;
  /** Lower-case hex of the key's SHA-256; the key itself is never declared. */
  readonly sha256: string;
  readonly scopes: readonly Scope[];
  readonly share: number;
  readonly limits: Limits;
  /** Unix milliseconds from which on the key is refused. */
  readonly expiresAtMs: number | null;
}

export interface WebhookEndpointConfig {
  readonly id: string;
  readonly url: string;
  readonly secret: SecretSource;
  readonly events: readonly WebhookFilter[];
}

/** Names of the secrets in `TokenhubConfig.secrets`. */
export const secretNames = {
  provider: (providerId: string) => `provider:${providerId}`,
  project: (projectId: string) => `project:${projectId}`,
  webhookEndpoint: (projectId: string, endpointId: string) => `webhook:${projectId}/${endpointId}`,
} as const;
