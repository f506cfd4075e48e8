import type { IncomingHttpHeaders } from 'node:http';
import type { Tally } from './counters.js';
import { chatSize } from './openai-chat.js';
import { completionSize } from './openai-completions.js';
import { answerEmbedding, embeddingSize } from './openai-embeddings.js';
import { SSE_DONE, sseFrame } from './openai-wire.js';
import { immediatePlan, type Plan } from './plan.js';
import { RequestProblem, type EndpointName, type ModelRequest, type Protocol, type Route } from './protocol.js';
import { answerVllmChat, answerVllmCompletion } from './vllm-answers.js';
import { inVllmWords, vllmErrorBody, vllmProblem } from './vllm-errors.js';
import { VLLM_LIMITS } from './vllm-limits.js';
import { metricsText } from './vllm-metrics.js';
import { modelsBody } from './vllm-models.js';
import { TokenBook } from './vllm-tokens.js';

/** Every path of vLLM's begins with it, because OpenAI's has the same ones; a vLLM client's base URL ends in `/vllm/v1`. */
const PREFIX = '/vllm';
const VERSION = '0.30.0';
/** Answers to requests that name no model, as vLLM's first one does. */
const DEFAULT_MODEL = 'simulated-vllm';

export interface VllmOptions {
  /** When set, requests must carry it. */
  apiKey: string | null;
  /** The model ids that are served; none means any. */
  models: readonly string[];
  /** What `/metrics` reports: sums over all protocols. */
  tally: () => Tally;
}

/** vLLM's protocol: OpenAI's routes in its own words, and the server's routes beside them. */
export function vllmProtocol(options: VllmOptions): Protocol {
  const routes = new Map([...modelRoutes(options), ...serverRoutes(options)].map((route) => [route.path, route]));
  return {
    name: 'vllm',
    route: (path) => routes.get(path) ?? null,
    authorize: (headers, path) => requireKey(headers, { path, apiKey: options.apiKey }),
    answerHeaders: ({ requestId }) => ({ 'x-request-id': requestId }),
    problem: vllmProblem,
    errorBody: vllmErrorBody,
    errorFrame: (problem) => sseFrame(vllmErrorBody(problem)),
    doneFrame: SSE_DONE,
    limits: VLLM_LIMITS,
  };
}

function modelRoutes({ models }: VllmOptions): Route[] {
  const post = (path: string, { endpoint, size, answer }: Pick<Route, 'endpoint' | 'size' | 'answer'>): Route => ({
    endpoint,
    path: PREFIX + path,
    method: 'POST',
    ...(size && { size: (request: ModelRequest) => inVllmWords(() => size(request)) }),
    answer: (request) => inVllmWords(() => answer({ ...request, model: servedModel(request.model, models) })),
  });
  const tokens = new TokenBook();
  return [
    post('/v1/chat/completions', { endpoint: 'chat', size: chatSize, answer: answerVllmChat }),
    post('/v1/completions', { endpoint: 'completion', size: completionSize, answer: answerVllmCompletion }),
    post('/v1/embeddings', { endpoint: 'embedding', size: embeddingSize, answer: answerEmbedding }),
    post('/tokenize', { endpoint: 'tokenize', answer: (request) => tokens.tokenize(request) }),
    post('/detokenize', { endpoint: 'detokenize', answer: (request) => tokens.detokenize(request) }),
  ];
}

function serverRoutes({ models, tally }: VllmOptions): Route[] {
  const ids = models.length > 0 ? models : [DEFAULT_MODEL];
  const get = (
    path: string,
    endpoint: EndpointName,
    answer: (request: ModelRequest) => Partial<Plan> & { text: string },
  ): Route => ({
    endpoint,
    path: PREFIX + path,
    method: 'GET',
    answer: (request) => immediatePlan(answer(request)),
  });
  return [
    get('/health', 'health', ({ settings }) => ({ status: settings.healthy ? 200 : 503, text: '' })),
    get('/version', 'version', () => ({ text: JSON.stringify({ version: VERSION }) })),
    get('/v1/models', 'models', ({ settings }) => ({ text: modelsBody(ids, settings.max_model_len) })),
    get('/metrics', 'metrics', () => ({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      text: metricsText(tally(), ids[0] ?? DEFAULT_MODEL),
    })),
  ];
}

function servedModel(model: string, served: readonly string[]): string {
  if (model === '') return served[0] ?? DEFAULT_MODEL;
  if (served.length > 0 && !served.includes(model)) {
    throw new RequestProblem(
      vllmProblem({ status: 404, param: 'model', message: `The model \`${model}\` does not exist.` }),
    );
  }
  return model;
}

/** vLLM guards what is below `/v1` alone: health, metrics and tokens are open. */
function requireKey(headers: IncomingHttpHeaders, { path, apiKey }: { path: string; apiKey: string | null }): void {
  if (apiKey !== null && path.startsWith(`${PREFIX}/v1/`) && headers.authorization !== `Bearer ${apiKey}`) {
    throw new RequestProblem(vllmProblem({ status: 401 }));
  }
}
