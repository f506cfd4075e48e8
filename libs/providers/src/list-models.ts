import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Provider } from '#contracts/registry-snapshot.js';
import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import type { HttpAnswer, HttpRequest } from '#http/http-request.js';
import { errorFromResponse as anthropicError } from './anthropic/error.js';
import { ANTHROPIC_VERSION } from './anthropic/options.js';
import { fromHttpError } from './network-error.js';
import { errorFromResponse as openAiError } from './openai/error.js';
import { readJsonAnswer, unreadable } from './unreadable.js';
import { errorFromResponse as vllmError } from './vllm/error.js';

/** A model as its provider lists it. */
export interface ListedModel {
  id: string;
  /** Input and output tokens together; null where the provider does not say. */
  contextTokens: number | null;
}

export interface ListAccess {
  credential: string | null;
  signal: AbortSignal;
  /** For all pages together. */
  timeoutMs: number;
}

/** Bounds of a list: nobody sets thousands of models by hand. */
const MOST_MODELS = 1_000;
const MOST_PAGES = 10;
const PAGE_SIZE = 1_000;
const LONGEST_BODY = 4 * 1024 * 1024;

/**
 * The models that a provider says it has, in its order, a thousand at most. Rejects with a ProviderError, or with the signal's reason
 * when aborted. A redirect is an error, not followed.
 */
export async function listModels(
  http: HttpClient,
  provider: Pick<Provider, 'type' | 'endpoints' | 'timeouts'>,
  access: ListAccess,
): Promise<ListedModel[]> {
  const found = new Map<string, ListedModel>();
  const deadlineMs = Date.now() + access.timeoutMs;
  let after: string | null = null;
  for (let page = 0; page < MOST_PAGES && found.size < MOST_MODELS; page++) {
    const body = await readPage(http, requestOf(provider, { ...access, deadlineMs, after }), (answer) =>
      ERRORS[provider.type](answer, access.credential),
    );
    if (!Array.isArray(body.data)) throw unreadable('it has no list of models', 200);
    for (const model of body.data.flatMap(readCard)) if (found.size < MOST_MODELS) found.set(model.id, model);
    const next: unknown = provider.type === 'anthropic' && body.has_more === true ? body.last_id : null;
    if (typeof next !== 'string' || next === after) break;
    after = next;
  }
  return [...found.values()];
}

const ERRORS = { openai: openAiError, anthropic: anthropicError, vllm: vllmError };

async function readPage(
  http: HttpClient,
  request: HttpRequest,
  errorOf: (answer: HttpAnswer) => Error,
): Promise<JsonObject> {
  try {
    const answer = await http.send(request);
    if (answer.status !== 200) throw errorOf(answer);
    return readJsonAnswer(answer).body;
  } catch (error) {
    request.signal.throwIfAborted();
    throw error instanceof HttpError ? fromHttpError(error) : error;
  }
}

function requestOf(
  { type, endpoints, timeouts }: Pick<Provider, 'type' | 'endpoints' | 'timeouts'>,
  {
    credential,
    signal,
    timeoutMs,
    deadlineMs,
    after,
  }: ListAccess & {
    deadlineMs: number;
    after: string | null;
  },
): HttpRequest {
  const anthropic = type === 'anthropic';
  const query = anthropic ? `?limit=${PAGE_SIZE}${after === null ? '' : `&after_id=${encodeURIComponent(after)}`}` : '';
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'tokenhub' };
  if (anthropic) headers['anthropic-version'] = ANTHROPIC_VERSION;
  if (credential !== null)
    headers[anthropic ? 'x-api-key' : 'authorization'] = anthropic ? credential : `Bearer ${credential}`;
  return {
    method: 'GET',
    url: `${endpoints[0] ?? ''}/models${query}`,
    headers,
    connectMs: timeouts.connectMs,
    wait: { kind: 'answer', ms: timeoutMs },
    deadlineMs,
    signal,
    cutBodyAt: LONGEST_BODY,
  };
}

/** Of what is no model only that card is left out. */
function readCard(card: unknown): ListedModel[] {
  if (!isJsonObject(card) || typeof card.id !== 'string' || card.id === '') return [];
  const length = card.max_model_len;
  const isLength = typeof length === 'number' && Number.isSafeInteger(length) && length > 0;
  return [{ id: card.id, contextTokens: isLength ? length : null }];
}
