import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ProviderCall } from '../provider-adapter.js';
import { invalidRequest } from './invalid-request.js';

/** What toParameters needs of a call. */
export type ParameterCall = Pick<ProviderCall, 'body' | 'maxOutputTokens' | 'dropSamplingParameters'>;

/** The fields besides messages and tools, and the client's fields that were not honoured as given. */
export interface Parameters {
  fields: JsonObject & { max_tokens: number };
  dropped: string[];
  /** Words for the system, in place of what Anthropic has no parameter for. */
  instruction: string | null;
}

/** Asked for where neither the client nor the model's configuration names a limit; the oldest models answer no more. */
const DEFAULT_MAX_TOKENS = 4096;

/** Translates the parameters. `forced` tells that a tool must be called, which excludes thinking. */
export function toParameters(call: ParameterCall, forced: boolean): Parameters {
  const { body } = call;
  refuseChoices(body.n);
  const dropped = [...FOREIGN.keys()].filter((field) => says(body, field));
  const thinking = toThinking(body, forced);
  const sampling = toSampling(call, { isOn: thinking !== null && thinking.type !== 'disabled', dropped });
  const stop = toStopSequences(body.stop, dropped);
  const output = toOutputConfig(body);
  const isAnyJson = isJsonObject(body.response_format) && body.response_format.type === 'json_object';
  if (isAnyJson) dropped.push('response_format');
  const fields = {
    ...unknownFields(body),
    max_tokens: maxTokensOf(call),
    ...sampling,
    ...(stop.length > 0 ? { stop_sequences: stop } : {}),
    ...(thinking ? { thinking } : {}),
    ...(Object.keys(output).length > 0 ? { output_config: output } : {}),
    ...toUserId(body),
    ...toServiceTier(body, dropped),
  };
  return { fields, dropped, instruction: isAnyJson ? ANY_JSON : null };
}

const ANY_JSON = 'Answer with one valid JSON object and nothing else: no code fence, no words before or after it.';

function refuseChoices(n: unknown): void {
  if (typeof n !== 'number' || n === 1) return;
  throw invalidRequest('This provider answers with one choice only: n must be 1.', 'n', 'unsupported_value');
}

function maxTokensOf({ body, maxOutputTokens }: ParameterCall): number {
  const asked = body.max_completion_tokens ?? body.max_tokens;
  return typeof asked === 'number' ? asked : (maxOutputTokens ?? DEFAULT_MAX_TOKENS);
}

/** Anthropic's temperature ends at 1, which like a top_p of 1 is its default; thinking and newer models exclude more. */
function toSampling(call: ParameterCall, { isOn, dropped }: { isOn: boolean; dropped: string[] }): JsonObject {
  const { temperature, top_p: topP, top_k: topK } = call.body;
  const none = call.dropSamplingParameters === true;
  const fields: JsonObject = {};
  if (typeof temperature === 'number' && temperature !== 1) {
    if (none || isOn || temperature > 1) dropped.push('temperature');
    else fields.temperature = temperature;
  }
  if (typeof topP === 'number' && topP !== 1) {
    if (none || (isOn && topP < LEAST_TOP_P_WITH_THINKING)) dropped.push('top_p');
    else fields.top_p = topP;
  }
  if (topK !== undefined && topK !== null) {
    if (none || isOn) dropped.push('top_k');
    else fields.top_k = topK;
  }
  return fields;
}

const LEAST_TOP_P_WITH_THINKING = 0.95;

function toStopSequences(stop: unknown, dropped: string[]): string[] {
  const given = (Array.isArray(stop) ? (stop as unknown[]) : [stop]).filter((text) => typeof text === 'string');
  const kept = given.filter((text) => text.trim() !== '');
  if (kept.length < given.length) dropped.push('stop');
  return kept;
}

function toThinking(body: JsonObject, forced: boolean): JsonObject | null {
  if (isJsonObject(body.thinking)) return body.thinking;
  if (typeof body.reasoning_effort !== 'string') return null;
  if (body.reasoning_effort === 'none') return { type: 'disabled' };
  return forced ? null : { type: 'adaptive' };
}

function toOutputConfig(body: JsonObject): JsonObject {
  const { reasoning_effort: effort, response_format: format, output_config: own } = body;
  const config: JsonObject = {};
  if (typeof effort === 'string' && effort !== 'none') config.effort = effort === 'minimal' ? 'low' : effort;
  if (isJsonObject(format) && format.type === 'json_schema') config.format = toJsonFormat(format.json_schema);
  return { ...config, ...(isJsonObject(own) ? own : {}) };
}

function toJsonFormat(spec: unknown): JsonObject {
  if (isJsonObject(spec) && isJsonObject(spec.schema)) return { type: 'json_schema', schema: spec.schema };
  throw invalidRequest('response_format has no schema.', 'response_format.json_schema.schema');
}

/** Hashed: Anthropic asks for no names or addresses, and `user` often is one. */
function toUserId(body: JsonObject): JsonObject {
  const user = body.safety_identifier ?? body.user;
  if (typeof user !== 'string' || user === '') return {};
  return { metadata: { user_id: createHash('sha256').update(user).digest('hex') } };
}

function toServiceTier({ service_tier: tier }: JsonObject, dropped: string[]): JsonObject {
  if (tier === 'auto' || tier === 'standard_only') return { service_tier: tier };
  if (tier !== undefined && tier !== null && tier !== 'default') dropped.push('service_tier');
  return {};
}

/** Fields that are neither OpenAI's nor vLLM's go through as they are: Anthropic's own, and those to come. */
function unknownFields(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([field]) => !TRANSLATED.has(field) && !FOREIGN.has(field)));
}

/** Translated here or in convert-messages, or of no effect on an answer: tags and hints for OpenAI's own storage and cache. */
const TRANSLATED: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls', 'n'],
  ...['functions', 'function_call', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'top_k', 'stop'],
  ...['response_format', 'reasoning_effort', 'thinking', 'output_config', 'user', 'safety_identifier', 'service_tier'],
  ...['metadata', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention'],
]);

/** Fields of OpenAI and vLLM that Anthropic has nothing for, with the values (as JSON) that ask for nothing anyway. */
const FOREIGN: ReadonlyMap<string, readonly string[]> = new Map([
  ['logprobs', ['false']],
  ['top_logprobs', ['0']],
  ['logit_bias', ['{}']],
  ['seed', []],
  ['frequency_penalty', ['0']],
  ['presence_penalty', ['0']],
  ['prediction', []],
  ['audio', []],
  ['modalities', ['["text"]']],
  ['moderation', []],
  ['store', ['false']],
  ['verbosity', ['"medium"']],
  ['web_search_options', []],
  ['min_p', ['0']],
  ['repetition_penalty', ['1']],
  ['length_penalty', ['1']],
  ['min_tokens', ['0']],
  ['ignore_eos', ['false']],
  ['stop_token_ids', ['[]']],
  ['structured_outputs', []],
  ['chat_template', []],
  ['chat_template_kwargs', ['{}']],
]);

function says(body: JsonObject, field: string): boolean {
  const value = body[field];
  return value !== undefined && value !== null && !FOREIGN.get(field)?.includes(JSON.stringify(value));
}
