import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { promptTokens } from './deterministic-text.js';
import { draftAnswer, type Ask, type Draft } from './draft.js';
import { renderChat, renderChatStream } from './openai-chat-render.js';
import { badRequest, wholeNumber } from './openai-errors.js';
import { calledTools } from './openai-tools.js';
import { stopSequences } from './openai-wire.js';
import type { Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';
import type { RequestSize } from './rate-limiter.js';
import type { JsonSchema } from './value-for-schema.js';

const MAX_TOKENS = { min: 1, max: 10_000_000 };
/** What `json_object` answers with: the caller asked for JSON and named no shape. */
const ANY_OBJECT: JsonSchema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };

/** POST /v1/chat/completions. Throws RequestProblem. */
export function answerChat(request: ModelRequest): Plan {
  const draft = request.reshape(draftFor(readAsk(request)));
  return request.body.stream === true ? renderChatStream(request, draft) : renderChat(request, draft);
}

/** What limits count of a chat request. Throws RequestProblem. */
export function chatSize(request: ModelRequest): RequestSize {
  const { body, settings } = request;
  const input = chatTokens(readMessages(body.messages), body.tools);
  return { input, cached: Math.min(settings.cached_tokens, input), maxOutput: maxTokensOf(request) ?? 0 };
}

function readAsk(request: ModelRequest): Ask {
  const { body, settings } = request;
  const messages = readMessages(body.messages);
  const prompt = lastUserText(messages);
  return {
    model: request.model,
    prompt,
    promptTokens: chatTokens(messages, body.tools),
    calls: calledTools(body, { prompt, afterTool: messages.at(-1)?.role === 'tool' }),
    schema: answerSchema(body.response_format),
    choices: wholeNumber(request, 'n', { min: 1, max: 128 }) ?? 1,
    maxTokens: maxTokensOf(request),
    stop: stopSequences(body),
    outputTokens: settings.output_tokens,
    cachedTokens: settings.cached_tokens,
    reasoningTokens: settings.reasoning_tokens,
    text: request.text,
  };
}

function chatTokens(messages: readonly JsonObject[], tools: unknown): number {
  const offered = Array.isArray(tools) ? JSON.stringify(tools).length : 0;
  return promptTokens(messages.reduce((sum, message) => sum + textOf(message.content).length, offered));
}

function maxTokensOf(request: ModelRequest): number | null {
  return wholeNumber(request, 'max_completion_tokens', MAX_TOKENS) ?? wholeNumber(request, 'max_tokens', MAX_TOKENS);
}

function draftFor(ask: Ask): Draft {
  try {
    return draftAnswer(ask);
  } catch (error) {
    if (error instanceof RangeError) {
      throw badRequest({
        code: 'invalid_json_schema',
        param: 'response_format',
        message: `Invalid schema: ${error.message}`,
      });
    }
    throw error;
  }
}

/** The messages of a request; throws OpenAI's 400. */
export function readMessages(messages: unknown): JsonObject[] {
  if (messages === undefined || messages === null) {
    throw badRequest({
      code: 'missing_required_parameter',
      param: 'messages',
      message: "Missing required parameter: 'messages'.",
    });
  }
  if (!Array.isArray(messages) || !messages.every(isJsonObject)) {
    throw badRequest({
      code: 'invalid_type',
      param: 'messages',
      message: "Invalid type for 'messages': expected an array of objects.",
    });
  }
  if (messages.length === 0) {
    throw badRequest({
      code: 'empty_array',
      param: 'messages',
      message: "Invalid 'messages': empty array. Expected at least one message.",
    });
  }
  return messages;
}

function lastUserText(messages: readonly JsonObject[]): string {
  return textOf((messages.findLast((message) => message.role === 'user') ?? messages.at(-1))?.content);
}

/** A message's text: the string itself, or its text parts joined. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') {
    return content;
  }
  const parts = Array.isArray(content) ? (content as unknown[]) : [];
  return parts.map((part) => (isJsonObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

function answerSchema(format: unknown): JsonSchema | null {
  if (!isJsonObject(format) || format.type === 'text') {
    return null;
  }
  if (format.type === 'json_object') {
    return ANY_OBJECT;
  }
  if (
    format.type === 'json_schema' &&
    isJsonObject(format.json_schema) &&
    typeof format.json_schema.name === 'string'
  ) {
    return isJsonObject(format.json_schema.schema) ? format.json_schema.schema : ANY_OBJECT;
  }
  throw badRequest({ param: 'response_format', message: "Invalid value for 'response_format'." });
}
