import { Ajv, type ErrorObject, type SchemaObject } from 'ajv';
import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';

/**
 * What must be right in an OpenAI body before it is queued: what routing, counting and every vendor rely on. Fields that
 * are not named here are forwarded and judged by the provider.
 */
const tokenIds = { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 };
const textOrTokens = {
  anyOf: [
    { type: 'string', minLength: 1 },
    { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, maxItems: 2048 },
    tokenIds,
    { type: 'array', items: tokenIds, minItems: 1, maxItems: 2048 },
  ],
};

const generation = {
  model: { type: 'string', minLength: 1, maxLength: 256 },
  stream: { type: ['boolean', 'null'] },
  stream_options: { type: ['object', 'null'], properties: { include_usage: { type: 'boolean' } } },
  max_tokens: { type: ['integer', 'null'], minimum: 1 },
  temperature: { type: ['number', 'null'], minimum: 0, maximum: 2 },
  top_p: { type: ['number', 'null'], minimum: 0, maximum: 1 },
  n: { type: ['integer', 'null'], minimum: 1, maximum: 128 },
};

const message = {
  type: 'object',
  required: ['role'],
  properties: {
    role: { enum: ['system', 'developer', 'user', 'assistant', 'tool', 'function'] },
    content: {
      anyOf: [
        { type: 'string' },
        { type: 'null' },
        {
          type: 'array',
          minItems: 1,
          items: { type: 'object', required: ['type'], properties: { type: { type: 'string' } } },
        },
      ],
    },
    tool_calls: { type: ['array', 'null'], items: { type: 'object' } },
  },
};

const SCHEMAS: Record<CallKind, SchemaObject> = {
  chat: {
    type: 'object',
    required: ['messages'],
    properties: {
      ...generation,
      messages: { type: 'array', minItems: 1, items: message },
      max_completion_tokens: { type: ['integer', 'null'], minimum: 1 },
      tools: { type: ['array', 'null'], items: { type: 'object', required: ['type'] } },
      response_format: { type: ['object', 'null'], required: ['type'] },
    },
  },
  completion: { type: 'object', required: ['prompt'], properties: { ...generation, prompt: textOrTokens } },
  embedding: {
    type: 'object',
    required: ['input'],
    properties: {
      model: generation.model,
      input: textOrTokens,
      encoding_format: { enum: ['float', 'base64'] },
      dimensions: { type: 'integer', minimum: 1 },
    },
  },
};

// Only the first fault is reported, as OpenAI does: a wrong body of 50,000 messages must not produce 50,000 errors.
const ajv = new Ajv({ allErrors: false, allowUnionTypes: true, strictRequired: false, strictTypes: false });
const validators = {
  chat: ajv.compile(SCHEMAS.chat),
  completion: ajv.compile(SCHEMAS.completion),
  embedding: ajv.compile(SCHEMAS.embedding),
};

/** Checks an OpenAI-shaped body; throws with OpenAI's code and the path of the field. `path` is where the body sits in its envelope. */
export function validateBody(kind: CallKind, body: unknown, path = ''): asserts body is JsonObject {
  const validate = validators[kind];
  if (validate(body)) return;
  const error = mostTelling(validate.errors ?? []);
  throw error ? toError(error, body, path) : new TokenhubError('invalid_request');
}

/**
 * A value that has several shapes fails once for each. A shape that the value has the type of says what is wrong with it;
 * else the deepest look into it does.
 */
function mostTelling(errors: ErrorObject[]): ErrorObject | undefined {
  const own = errors.find(({ keyword }) => keyword !== 'type' && keyword !== 'anyOf');
  if (own) return own;
  const depth = ({ instancePath }: ErrorObject): number => instancePath.split('/').length;
  const [deepest] = errors.toSorted((a, b) => depth(b) - depth(a));
  if (deepest?.keyword !== 'type') return deepest;
  const types = errors.flatMap(({ keyword, instancePath, params }) =>
    keyword === 'type' && instancePath === deepest.instancePath ? (params.type as string | string[]) : [],
  );
  return { ...deepest, message: `must be ${[...new Set(types)].join(' or ')}` };
}

function toError(error: ErrorObject, body: unknown, path: string): TokenhubError {
  const field = fieldOf(error, path);
  const { code, message } = describe(error, { field: field || 'The body', isEmpty: isEmptyAt(error, body) });
  return new TokenhubError(code, message, { param: field || undefined });
}

function describe(error: ErrorObject, at: { field: string; isEmpty: boolean }): { code: ErrorCode; message: string } {
  if (at.isEmpty) return { code: 'invalid_value', message: `'${at.field}' must not be empty.` };
  switch (error.keyword) {
    case 'required':
      return { code: 'missing_required_parameter', message: `Missing required parameter: '${at.field}'.` };
    case 'enum':
      return {
        code: 'invalid_value',
        message: `Invalid value for '${at.field}': it must be one of ${(error.params.allowedValues as unknown[]).join(', ')}.`,
      };
    case 'type':
    case 'anyOf':
      return { code: 'invalid_type', message: `Invalid type for '${at.field}': ${error.message ?? 'wrong type'}.` };
    default:
      return {
        code: 'invalid_value',
        message: `Invalid value for '${at.field}': ${error.message ?? 'wrong value'}.`,
      };
  }
}

/** `/messages/0/role` as OpenAI writes it: `messages[0].role`. */
function fieldOf(error: ErrorObject, path: string): string {
  const steps = error.instancePath.split('/').slice(1);
  if (error.keyword === 'required') steps.push(String(error.params.missingProperty));
  return steps.reduce(
    (field, step) => (/^\d+$/.test(step) ? `${field}[${step}]` : field === '' ? step : `${field}.${step}`),
    path,
  );
}

/** An empty list is no text, and an empty text no list: whichever fault is reported, emptiness is what is wrong. */
function isEmptyAt(error: ErrorObject, body: unknown): boolean {
  const first = error.instancePath.split('/')[1];
  const value = isJsonObject(body) && first !== undefined ? body[first] : undefined;
  return (Array.isArray(value) || typeof value === 'string') && value.length === 0;
}
