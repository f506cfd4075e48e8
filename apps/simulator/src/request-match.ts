import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { textOf } from './openai-chat.js';
import { ENDPOINT_NAMES, type EndpointName } from './protocol.js';

/** Which requests are meant; a field left out matches all. */
export interface RequestMatch {
  model?: string;
  path?: string;
  endpoint?: EndpointName;
  /** A piece of the system text, developer messages included. */
  system?: string;
  /** A piece of what the user said last: the last user message with text, or the prompt. */
  last_user?: string;
}

/** What a request is recognised by. */
export interface RequestTraits {
  model: string;
  path: string;
  endpoint: EndpointName;
  body: JsonObject;
}

export const MATCH_SCHEMA = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    path: { type: 'string' },
    endpoint: { enum: ENDPOINT_NAMES },
    system: { type: 'string', minLength: 1 },
    last_user: { type: 'string', minLength: 1 },
  },
  additionalProperties: false,
};

/** True when all that the match names is so; the texts are read in whatever vendor's shape the body has. */
export function matchesRequest(match: RequestMatch, request: RequestTraits): boolean {
  return (
    (match.model ?? request.model) === request.model &&
    (match.path ?? request.path) === request.path &&
    (match.endpoint ?? request.endpoint) === request.endpoint &&
    (match.system === undefined || systemText(request.body).includes(match.system)) &&
    (match.last_user === undefined || lastUserText(request.body).includes(match.last_user))
  );
}

/** Anthropic's `system` stands beside the messages, OpenAI's among them. */
function systemText(body: JsonObject): string {
  const spoken = messagesOf(body).filter(({ role }) => role === 'system' || role === 'developer');
  return [textOf(body.system), ...spoken.map(({ content }) => textOf(content))].join('\n');
}

function lastUserText(body: JsonObject): string {
  const prompts: unknown[] = Array.isArray(body.prompt) ? body.prompt : [body.prompt];
  const spoken = messagesOf(body).filter(({ role }) => role === 'user');
  const texts = [...prompts.map(textOf), ...spoken.map(({ content }) => textOf(content))];
  return texts.findLast((text) => text !== '') ?? '';
}

function messagesOf({ messages }: JsonObject): JsonObject[] {
  return Array.isArray(messages) ? messages.filter(isJsonObject) : [];
}
