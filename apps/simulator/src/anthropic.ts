import {
  anthropicErrorBody,
  anthropicErrorEvent,
  anthropicProblem,
  requireApiKey,
  requireModel,
  requireVersion,
} from './anthropic-errors.js';
import { answerCount, answerMessage } from './anthropic-messages.js';
import { eventFrame } from './anthropic-wire.js';
import type { Plan } from './plan.js';
import type { EndpointName, ModelRequest, Protocol, Route } from './protocol.js';

/** Anthropic's protocol. Without `models` any model id is served; without `apiKey` no key is asked for. */
export function anthropicProtocol(options: { apiKey: string | null; models: readonly string[] }): Protocol {
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
    [post('/v1/messages', 'chat', answerMessage), post('/v1/messages/count_tokens', 'tokens', answerCount)].map(
      (route): [string, Route] => [route.path, route],
    ),
  );
  return {
    name: 'anthropic',
    route: (path) => routes.get(path) ?? null,
    authorize: (headers) => {
      if (apiKey !== null) requireApiKey(headers, apiKey);
      requireVersion(headers);
    },
    answerHeaders: ({ requestId }) => ({ 'request-id': requestId }),
    problem: anthropicProblem,
    errorBody: anthropicErrorBody,
    errorFrame: (problem) => `event: error\ndata: ${anthropicErrorEvent(problem)}\n\n`,
    doneFrame: eventFrame('done', { type: 'message_stop' }).text,
  };
}
