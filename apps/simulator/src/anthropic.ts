import {
  anthropicErrorBody,
  anthropicErrorEvent,
  anthropicProblem,
  requireApiKey,
  requireModel,
  requireVersion,
} from './anthropic-errors.js';
import { ANTHROPIC_LIMITS } from './anthropic-limits.js';
import { answerCount, answerMessage, messageSize } from './anthropic-messages.js';
import { eventFrame } from './anthropic-wire.js';
import type { Protocol, Route } from './protocol.js';

/** Anthropic's protocol. Without `models` any model id is served; without `apiKey` no key is asked for. */
export function anthropicProtocol(options: { apiKey: string | null; models: readonly string[] }): Protocol {
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
      post('/v1/messages', { endpoint: 'chat', size: messageSize, answer: answerMessage }),
      post('/v1/messages/count_tokens', { endpoint: 'tokens', answer: answerCount }),
    ].map((route): [string, Route] => [route.path, route]),
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
    limits: ANTHROPIC_LIMITS,
  };
}
