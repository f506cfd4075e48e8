import { answerChat, chatSize } from './openai-chat.js';
import { answerCompletion, completionSize } from './openai-completions.js';
import { answerEmbedding, embeddingSize } from './openai-embeddings.js';
import { openaiErrorBody, openaiProblem, requireApiKey, requireModel } from './openai-errors.js';
import { OPENAI_LIMITS } from './openai-limits.js';
import { answerModel, answerModels } from './openai-models.js';
import { SSE_DONE, sseFrame } from './openai-wire.js';
import type { Protocol, Route } from './protocol.js';

const MODEL_PREFIX = '/v1/models/';

/** OpenAI's protocol. Without `models` any model id is served; without `apiKey` no key is asked for. */
export function openaiProtocol(options: { apiKey: string | null; models: readonly string[] }): Protocol {
  const { apiKey, models } = options;
  const post = (path: string, { endpoint, size, answer }: Pick<Route, 'endpoint' | 'size' | 'answer'>): Route => ({
    endpoint,
    path,
    method: 'POST',
    size,
    answer: (request) => {
      requireModel(request.model, models);
      return answer(request);
    },
  });
  const routes = new Map(
    [
      post('/v1/chat/completions', { endpoint: 'chat', size: chatSize, answer: answerChat }),
      post('/v1/completions', { endpoint: 'completion', size: completionSize, answer: answerCompletion }),
      post('/v1/embeddings', { endpoint: 'embedding', size: embeddingSize, answer: answerEmbedding }),
      { endpoint: 'models' as const, path: '/v1/models', method: 'GET' as const, answer: () => answerModels(models) },
    ].map((route): [string, Route] => [route.path, route]),
  );
  const oneModel: Route = {
    endpoint: 'models',
    path: '/v1/models/*',
    method: 'GET',
    answer: (request) => answerModel(request.path.slice(MODEL_PREFIX.length), models),
  };
  return {
    name: 'openai',
    route: (path) => routes.get(path) ?? (path.startsWith(MODEL_PREFIX) ? oneModel : null),
    authorize: (headers) => {
      if (apiKey !== null) {
        requireApiKey(headers, apiKey);
      }
    },
    answerHeaders: ({ requestId, processingMs }) => ({
      'x-request-id': requestId,
      'openai-processing-ms': String(processingMs),
      'openai-version': '2020-10-01',
    }),
    problem: openaiProblem,
    errorBody: openaiErrorBody,
    errorFrame: (problem) => sseFrame(openaiErrorBody(problem)),
    doneFrame: SSE_DONE,
    limits: OPENAI_LIMITS,
  };
}
