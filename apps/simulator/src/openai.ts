import { answerChat } from './openai-chat.js';
import { answerCompletion } from './openai-completions.js';
import { answerEmbedding } from './openai-embeddings.js';
import { openaiErrorBody, openaiProblem, requireApiKey, requireModel } from './openai-errors.js';
import { answerModel, answerModels } from './openai-models.js';
import { SSE_DONE, sseFrame } from './openai-wire.js';
import type { EndpointName, ModelRequest, Protocol, Route } from './protocol.js';
import type { Plan } from './plan.js';

const MODEL_PREFIX = '/v1/models/';

/** OpenAI's protocol. Without `models` any model id is served; without `apiKey` no key is asked for. */
export function openaiProtocol(options: { apiKey: string | null; models: readonly string[] }): Protocol {
  const { apiKey, models } = options;
  const post = (path: string, endpoint: EndpointName, answer: (request: ModelRequest) => Plan): Route => ({
    endpoint,
    path,
    method: 'POST',
    answer: (request) => {
      requireModel(request.model, models);
      return answer(request);
    },
  });
  const routes = new Map(
    [
      post('/v1/chat/completions', 'chat', answerChat),
      post('/v1/completions', 'completion', answerCompletion),
      post('/v1/embeddings', 'embedding', answerEmbedding),
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
  };
}
