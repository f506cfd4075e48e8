import { LARGEST_BUDGET_USD } from '#contracts/budgets.js';
import { CALL_KINDS, PRIORITIES } from '#contracts/job-state.js';
import { ID_PATTERN } from '#contracts/own-ids.js';
import { ROUTING_MODES } from '#contracts/policy.js';
import { CAPABILITIES, PROVIDER_TYPES } from '#contracts/registry-snapshot.js';
import { SCOPES } from '#contracts/scopes.js';
import { WEBHOOK_FILTERS } from '#contracts/webhook.js';
import { OWN_VARIABLE } from './environment.js';

const NAME = { type: 'string', pattern: ID_PATTERN.source } as const;
// Vendors put slashes and colons into model names (`meta-llama/Llama-3.1-8B`, `llama3:8b`).
const MODEL_NAME = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$' } as const;
const VARIABLE = { type: 'string', pattern: `^(?!${OWN_VARIABLE})[A-Za-z_][A-Za-z0-9_]*$` } as const;
const HTTP_URL = { type: 'string', format: 'uri', pattern: '^https?://[^/?#@\\s]+(/[^?#\\s]*)?$' } as const;
const POSITIVE = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const;
const PRICE = { type: 'number', minimum: 0, maximum: 1_000_000 } as const;

const object = <P extends Record<string, unknown>, R extends readonly (keyof P & string)[]>(
  properties: P,
  required: R,
) => ({ type: 'object', additionalProperties: false, properties, required }) as const;

const list = <I extends object>(items: I) => ({ type: 'array', default: [], items }) as const;

const fromEnv = object({ source: { const: 'env' }, name: VARIABLE }, ['source', 'name']);
const fromVault = object({ source: { const: 'escrow' }, name: NAME }, ['source', 'name']);
const fromFile = object({ source: { const: 'config' }, value: { type: 'string', minLength: 1 } }, ['source', 'value']);
const nowhere = object({ source: { const: 'none' } }, ['source']);

const choice = <S extends readonly object[]>(oneOf: S) =>
  ({ type: 'object', discriminator: { propertyName: 'source' }, oneOf }) as const;

const secret = choice([fromEnv, fromVault, fromFile]);

const limits = {
  ...object(
    {
      rpm: POSITIVE,
      rpd: POSITIVE,
      tpm: POSITIVE,
      tpd: POSITIVE,
      itpm: POSITIVE,
      otpm: POSITIVE,
      concurrency: POSITIVE,
    },
    [],
  ),
  description: 'Requests and tokens per minute and day, calls in flight; an absent limit is no limit.',
} as const;

const USD = { type: 'number', minimum: 0, maximum: LARGEST_BUDGET_USD } as const;

const budget = {
  ...object({ day_usd: USD, month_usd: USD }, []),
  default: {},
  description: 'US dollars that all jobs made in a day or month (UTC) may cost; an absent one is no budget.',
} as const;

const provider = object(
  {
    id: NAME,
    type: { enum: PROVIDER_TYPES },
    base_url: { ...HTTP_URL, description: 'With its version segment, such as https://api.openai.com/v1.' },
    endpoints: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: HTTP_URL,
      description: 'For vllm, instead of base_url.',
    },
    credential: choice([fromEnv, fromVault, nowhere, fromFile]),
    enabled: { type: 'boolean', default: true },
    limits: { ...limits, default: {} },
    timeouts: {
      ...object(
        {
          connect_ms: { ...POSITIVE, default: 5_000 },
          first_token_ms: { ...POSITIVE, default: 60_000 },
          idle_ms: { ...POSITIVE, default: 30_000 },
          answer_ms: { ...POSITIVE, default: 600_000 },
          cool_down_ms: {
            ...POSITIVE,
            default: 30_000,
            description: 'How long a provider that is down is left alone.',
          },
        },
        [],
      ),
      default: {},
    },
  },
  ['id', 'type', 'credential'],
);

const model = object(
  {
    id: MODEL_NAME,
    provider: NAME,
    upstream_model: { type: 'string', minLength: 1, description: "The provider's name for it; the id when absent." },
    weight: { type: 'number', minimum: 0, maximum: 10, default: 5, description: 'Capability; higher is better.' },
    enabled: { type: 'boolean', default: true },
    expected_latency_ms: { ...POSITIVE, default: 2_000 },
    context_tokens: { ...POSITIVE, default: 128_000 },
    max_output_tokens: { ...POSITIVE, description: 'When absent 4096, or the context where that is smaller.' },
    price: {
      ...object(
        {
          input_per_1k: { ...PRICE, default: 0 },
          output_per_1k: { ...PRICE, default: 0 },
          cached_input_per_1k: { ...PRICE, description: 'The input price when absent.' },
          cache_write_per_1k: {
            ...PRICE,
            description: 'When absent the input price; 1.25 times that on a provider of type anthropic.',
          },
          cache_write_1h_per_1k: {
            ...PRICE,
            description: 'When absent cache_write_per_1k; twice the input price on a provider of type anthropic.',
          },
        },
        [],
      ),
      default: {},
      description: 'US dollars per 1,000 tokens; a call costs the sum in whole nano-dollars, rounded up.',
    },
    capabilities: {
      type: 'array',
      uniqueItems: true,
      items: { enum: CAPABILITIES },
      description: 'When absent tools, json_schema and streaming; nothing for a model that only embeds.',
    },
    kinds: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: CALL_KINDS },
      description: 'When absent chat and completion; only chat on a provider of type anthropic.',
    },
    drop_sampling_parameters: {
      type: 'boolean',
      default: false,
      description: 'For a model that refuses temperature, top_p and top_k: they are left out of its requests.',
    },
    limits: { ...limits, minProperties: 1, description: 'Limits of its own give the model a pool of its own.' },
  },
  ['id', 'provider'],
);

const alias = object(
  {
    id: MODEL_NAME,
    members: {
      type: 'array',
      minItems: 1,
      items: object({ model: MODEL_NAME, weight: { type: 'number', exclusiveMinimum: 0, maximum: 10, default: 1 } }, [
        'model',
      ]),
    },
    sticky_by: { enum: ['key', 'request'], default: 'request' },
  },
  ['id', 'members'],
);

const policy = {
  ...object(
    {
      mode: { enum: ROUTING_MODES },
      min_weight: { type: 'number', minimum: 0, maximum: 10 },
      max_latency_ms: POSITIVE,
      max_budget_usd: { type: 'number', minimum: 0, maximum: 1_000_000 },
      models: { type: 'array', minItems: 1, maxItems: 100, items: MODEL_NAME },
      fallback: { type: 'boolean' },
      max_attempts: { type: 'integer', minimum: 1, maximum: 20 },
      priority: { enum: PRIORITIES },
      strict: { type: 'boolean' },
      on_content_filter: { enum: ['fail', 'next'] },
    },
    [],
  ),
  default: {},
  description: "What holds where a request says nothing; a key's words come before its project's.",
} as const;

/** What projects and keys have in common. */
const use = {
  name: { type: 'string', minLength: 1, maxLength: 200, description: 'For people.' },
  disabled: { type: 'boolean', default: false, description: 'Every request is refused.' },
  allowed_models: {
    type: 'array',
    maxItems: 200,
    uniqueItems: true,
    items: MODEL_NAME,
    description: 'Ids of the models and aliases that may be asked for; all when absent.',
  },
  policy,
  budget,
} as const;

const key = object(
  {
    id: NAME,
    ...use,
    sha256: {
      type: 'string',
      pattern: '^[0-9A-Fa-f]{64}$',
      description: 'Hex SHA-256 of the whole key, th_ included.',
    },
    scopes: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: SCOPES } },
    share: {
      type: 'number',
      exclusiveMinimum: 0,
      default: 1,
      description: 'Its part of a pool in which several keys wait.',
    },
    limits: { ...limits, default: {} },
    expires_at: { type: 'string', format: 'date-time' },
  },
  ['id', 'sha256', 'scopes'],
);

const webhookEndpoint = object(
  {
    id: NAME,
    url: {
      type: 'string',
      format: 'uri',
      pattern: '^https?://[^/?#@\\s]+([/?][^#\\s]*)?$',
      description: 'Public and https, unless TOKENHUB_WEBHOOK_ALLOW has its host.',
    },
    secret,
    events: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { enum: WEBHOOK_FILTERS },
      default: ['job.*'],
    },
  },
  ['id', 'url', 'secret'],
);

const project = object(
  { id: NAME, ...use, webhook_secret: secret, keys: list(key), webhook_endpoints: list(webhookEndpoint) },
  ['id'],
);

/** The JSON Schema (draft 2020-12) of `tokenhub.yaml`; published as docs/config/tokenhub.schema.json. */
export const CONFIG_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tokenhub configuration',
  ...object(
    {
      $schema: { type: 'string', description: 'For editors; not read.' },
      server: {
        ...object(
          {
            host: { type: 'string', pattern: '^[A-Za-z0-9.:_-]+$', default: '127.0.0.1' },
            port: { type: 'integer', minimum: 0, maximum: 65_535, default: 8080, description: '0 takes a free one.' },
            body_limit_mb: { type: 'number', exclusiveMinimum: 0, maximum: 1_024, default: 16, description: 'In MiB.' },
          },
          [],
        ),
        default: {},
      },
      providers: list(provider),
      models: list(model),
      aliases: list(alias),
      projects: list(project),
    },
    [],
  ),
} as const;
