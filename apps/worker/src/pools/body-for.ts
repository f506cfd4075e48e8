import type { JsonObject } from '#contracts/json.js';
import type { Model } from '#contracts/registry-snapshot.js';
import type { BegunRun } from '#jobs/attempt-store.js';
import { fitsWithHeadroom } from '#routing/context-window.js';

/**
 * The client's body for a model. No more output is asked for than the model writes by its registration, because no more was planned and
 * reserved; a model that can hold to a schema by itself is given it, unless the client asked for a form of its own.
 */
export function bodyFor(begun: Asked, model: Model, windowTokens: number): JsonObject {
  const body = bounded(begun, model, windowTokens);
  const { responseFormat } = begun.plan;
  const holds = model.capabilities.includes('json_schema');
  if (!responseFormat || body.response_format !== undefined || !holds) return body;
  return { ...body, response_format: responseFormat };
}

export type Asked = Pick<BegunRun, 'request' | 'budgeted'> & {
  plan: Pick<BegunRun['plan'], 'kind' | 'inputTokens' | 'responseFormat'>;
};

const FIELDS = ['max_completion_tokens', 'max_tokens'] as const;

function bounded({ plan, request, budgeted }: Asked, { maxOutputTokens }: Model, windowTokens: number): JsonObject {
  const { kind, inputTokens } = plan;
  if (kind === 'embedding') return request;
  const given = FIELDS.flatMap((field) =>
    typeof request[field] === 'number' ? [[field, request[field]] as const] : [],
  );
  const [first] = given;
  if (!first) {
    // What is left of the window bounds the answer by itself, and a bound beyond it is refused by some servers. Legacy completions
    // have a bound of their own, of 16 tokens.
    const isBounded = kind === 'completion' || !fitsWithHeadroom(inputTokens + maxOutputTokens, windowTokens);
    return budgeted && !isBounded ? { ...request, max_completion_tokens: maxOutputTokens } : request;
  }
  // By the first of them it was planned: the other must not ask for more. Legacy completions know one of them.
  const most = Math.min(first[1], maxOutputTokens);
  const fields: [string, number][] = given.map(([field, tokens]) => [field, Math.min(tokens, most)]);
  if (kind === 'completion') fields.push(['max_tokens', most]);
  return fields.every(([field, tokens]) => request[field] === tokens)
    ? request
    : { ...request, ...Object.fromEntries(fields) };
}
