import { LIMITS_SCHEMA, type ProviderLimits } from './limit-settings.js';

/** How answers look and how fast they come. The same shape on the wire, on the command line and in-process. */
export interface Settings {
  /** Milliseconds before the first byte of an answer. */
  ttft_ms: number;
  /** Output tokens a second; null is as fast as the socket takes them. */
  tokens_per_second: number | null;
  /** Length of a text answer in tokens; one word is one token. */
  output_tokens: number;
  /** Input tokens reported as read from a prompt cache, at most the prompt's own. */
  cached_tokens: number;
  /** Reasoning tokens reported on top of the visible ones; they count against the request's token limit. */
  reasoning_tokens: number;
  /** The field in which vLLM says its reasoning: its name of today, or the older one. */
  reasoning_field: 'reasoning' | 'reasoning_content';
  /** vLLM's context window: the tokens of prompt and answer together. */
  max_model_len: number;
  /** False makes vLLM's `/health` answer 503; requests are served all the same. */
  healthy: boolean;
  /** Length of an embedding when the request names none. */
  embedding_dimensions: number;
  /** Added to every answer, for instance `x-ratelimit-remaining-requests`. */
  headers: Record<string, string>;
  /** What is refused with 429, or 503 at vLLM; null refuses nothing. Not a request's own to set. */
  limits: ProviderLimits | null;
}

export const DEFAULT_SETTINGS: Readonly<Settings> = {
  ttft_ms: 0,
  tokens_per_second: null,
  output_tokens: 16,
  cached_tokens: 0,
  reasoning_tokens: 0,
  reasoning_field: 'reasoning',
  max_model_len: 32_768,
  healthy: true,
  embedding_dimensions: 1536,
  headers: {},
  limits: null,
};

const DAY_MS = 86_400_000;

export const DELAY_SCHEMA = { type: 'number', minimum: 0, maximum: DAY_MS };
export const COUNT_SCHEMA = { type: 'integer', minimum: 0, maximum: 1_000_000 };
export const HEADER_VALUE_SCHEMA = { type: 'string', pattern: '^[\\x20-\\x7e]*$' };
/** Extra headers; those that frame the message are refused, because they would break every answer. */
export const HEADERS_SCHEMA = {
  type: 'object',
  propertyNames: { pattern: '^(?!(content-length|transfer-encoding|connection)$)[a-z0-9-]+$' },
  additionalProperties: HEADER_VALUE_SCHEMA,
};

/** JSON Schema of each setting, shared by the control API and the `simulator` field of a request. */
export const SETTINGS_PROPERTIES: Record<keyof Settings, object> = {
  ttft_ms: DELAY_SCHEMA,
  tokens_per_second: { type: ['number', 'null'], exclusiveMinimum: 0 },
  output_tokens: COUNT_SCHEMA,
  cached_tokens: COUNT_SCHEMA,
  reasoning_tokens: COUNT_SCHEMA,
  reasoning_field: { enum: ['reasoning', 'reasoning_content'] },
  max_model_len: { ...COUNT_SCHEMA, minimum: 1 },
  healthy: { type: 'boolean' },
  embedding_dimensions: { type: 'integer', minimum: 1, maximum: 8192 },
  headers: HEADERS_SCHEMA,
  limits: LIMITS_SCHEMA,
};
