import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { checkFields, readMessages, type Message } from './anthropic-check.js';
import { badRequest } from './anthropic-errors.js';
import { renderMessage, renderMessageStream } from './anthropic-render.js';
import { calledByClaude } from './anthropic-tools.js';
import { promptTokens } from './deterministic-text.js';
import { draftAnswer, type Ask, type Draft } from './draft.js';
import { bodyPlan, type Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';
import type { RequestSize } from './rate-limiter.js';
import type { JsonSchema } from './value-for-schema.js';

/** Tokens of thinking where it is asked for and no setting names their number. */
const THINKING_TOKENS = 8;

/** POST /v1/messages. Throws RequestProblem. */
export function answerMessage(request: ModelRequest): Plan {
  const { body } = request;
  checkFields(body);
  const ask = readAsk(request, readMessages(body.messages));
  const draft = request.reshape(draftFor(ask));
  return body.stream === true ? renderMessageStream(request, draft) : renderMessage(request, draft);
}

/** POST /v1/messages/count_tokens. Throws RequestProblem. */
export function answerCount({ body }: ModelRequest): Plan {
  checkFields(body);
  const tokens = inputTokens(body, readMessages(body.messages));
  const at = { ttft_ms: 0, tokens_per_second: null };
  return bodyPlan(JSON.stringify({ input_tokens: tokens }), { input: 0, output: 0 }, at);
}

/** What limits count of a message request. Throws RequestProblem. */
export function messageSize({ body, settings }: ModelRequest): RequestSize {
  const input = inputTokens(body, readMessages(body.messages));
  return { input, cached: Math.min(settings.cached_tokens, input), maxOutput: maxTokensOf(body) };
}

function readAsk(request: ModelRequest, messages: Message[]): Ask {
  const { body, settings } = request;
  const maxTokens = maxTokensOf(body);
  const prompt = lastUserText(messages);
  const afterTool = messages.at(-1)?.content.some(({ type }) => type === 'tool_result') ?? false;
  return {
    model: request.model,
    prompt,
    promptTokens: inputTokens(body, messages),
    calls: calledByClaude(body, { prompt, afterTool }),
    schema: answerSchema(body.output_config),
    choices: 1,
    maxTokens,
    stop: Array.isArray(body.stop_sequences) ? (body.stop_sequences as string[]) : [],
    outputTokens: settings.output_tokens,
    cachedTokens: settings.cached_tokens,
    reasoningTokens: isThinkingAsked(body, maxTokens) ? settings.reasoning_tokens || THINKING_TOKENS : 0,
    text: request.text,
  };
}

function draftFor(ask: Ask): Draft {
  try {
    return draftAnswer(ask);
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`output_config.format.schema: ${error.message}`);
    throw error;
  }
}

function maxTokensOf({ max_tokens: value }: JsonObject): number {
  if (value === undefined) throw badRequest('max_tokens: Field required');
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw badRequest('max_tokens: Input should be a valid integer');
  }
  if (value < 1) throw badRequest('max_tokens: Input should be greater than or equal to 1');
  return value;
}

function isThinkingAsked({ thinking, tool_choice: choice }: JsonObject, maxTokens: number): boolean {
  if (!isJsonObject(thinking) || thinking.type === 'disabled') return false;
  if (isJsonObject(choice) && (choice.type === 'any' || choice.type === 'tool')) {
    throw badRequest('Thinking may not be enabled when tool_choice forces tool use.');
  }
  if (thinking.type === 'adaptive') return true;
  const { budget_tokens: budget } = thinking;
  if (thinking.type !== 'enabled' || typeof budget !== 'number' || budget < 1024) {
    throw badRequest('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024');
  }
  if (budget >= maxTokens) throw badRequest('`max_tokens` must be greater than `thinking.budget_tokens`.');
  return true;
}

function answerSchema(config: unknown): JsonSchema | null {
  const format = isJsonObject(config) ? config.format : undefined;
  if (format === undefined || format === null) return null;
  if (isJsonObject(format) && format.type === 'json_schema' && isJsonObject(format.schema)) return format.schema;
  throw badRequest('output_config.format: Input should be a json_schema with a schema');
}

function inputTokens({ system, tools }: JsonObject, messages: Message[]): number {
  const fixed = textOf(system).length + (Array.isArray(tools) ? JSON.stringify(tools).length : 0);
  return promptTokens(messages.reduce((sum, { content }) => sum + textOf(content).length, fixed));
}

function lastUserText(messages: Message[]): string {
  const spoken = messages.filter(({ role }) => role === 'user').map(({ content }) => textOf(content));
  return spoken.findLast((text) => text !== '') ?? '';
}

/** The text of a string or of its text blocks, joined. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const blocks: unknown[] = Array.isArray(content) ? content : [];
  return blocks.map((block) => (isJsonObject(block) && typeof block.text === 'string' ? block.text : '')).join('');
}
