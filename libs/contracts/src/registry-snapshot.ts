/** The providers, models and aliases that routing and the pools work from, as one immutable, versioned value without secrets. */

export const PROVIDER_TYPES = ['openai', 'anthropic', 'vllm'] as const;
export type ProviderType = (typeof PROVIDER_TYPES)[number];

export const CAPABILITIES = ['tools', 'vision', 'json_schema', 'streaming'] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** Requests and tokens per minute and day, and calls in flight; an absent limit is no limit. */
export interface Limits {
  rpm?: number;
  rpd?: number;
  tpm?: number;
  tpd?: number;
  itpm?: number;
  otpm?: number;
  concurrency?: number;
}

/**
 * Milliseconds: connect; first token and silence between tokens on a streamed call; the whole answer on a plain one; and how
 * long a provider that is down is left alone.
 */
export interface Timeouts {
  connectMs: number;
  firstTokenMs: number;
  idleMs: number;
  answerMs: number;
  coolDownMs: number;
}

/** Where a provider's secret comes from; the secret itself is never here. `config` secrets stay in each process's own configuration. */
export type CredentialSource =
  { source: 'env'; name: string } | { source: 'escrow'; name: string } | { source: 'config' } | { source: 'none' };

export interface Provider {
  id: string;
  type: ProviderType;
  /** Base URLs with their version segment, such as `https://api.openai.com/v1`; more than one only for vLLM. */
  endpoints: string[];
  credential: CredentialSource;
  enabled: boolean;
  limits: Limits;
  timeouts: Timeouts;
}

/** Nano-dollars per token (a price of 0.0025 USD per 1k tokens is 2,500); a cheap model's may be fractions. */
export interface Price {
  inputNano: number;
  outputNano: number;
  cachedInputNano: number;
  /** Of input that is written to the provider's prompt cache. */
  cacheWriteNano: number;
  /** Of what is written to it for an hour; absent: as `cacheWriteNano`. */
  cacheWrite1hNano?: number;
}

export interface Model {
  id: string;
  provider: string;
  upstreamModel: string;
  /** Capability, 0 to 10; higher is better. */
  weight: number;
  enabled: boolean;
  expectedLatencyMs: number;
  contextTokens: number;
  maxOutputTokens: number;
  price: Price;
  capabilities: Capability[];
  /** What the model answers. */
  kinds: ('chat' | 'completion' | 'embedding')[];
  /** The model refuses temperature, top_p and top_k: they are left out of its requests. */
  dropSamplingParameters: boolean;
  /** Limits of its own give the model its own pool; null means that it shares its provider's. */
  limits: Limits | null;
}

export interface Alias {
  id: string;
  members: { model: string; weight: number }[];
  stickyBy: 'key' | 'request';
}

export interface RegistrySnapshot {
  /** Grows by one with every change of content. */
  version: number;
  providers: Provider[];
  models: Model[];
  aliases: Alias[];
}

/** A queue with its limits and its workers: one per provider, or per model where a model has limits of its own. */
export interface Pool {
  id: string;
  provider: string;
  /** Set when the pool belongs to one model. */
  model: string | null;
  limits: Limits;
}

/** The pool that attempts on this model go to. */
export function poolIdOf(model: Pick<Model, 'id' | 'provider' | 'limits'>): string {
  return model.limits ? `${model.provider}/${model.id}` : model.provider;
}
