import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { seedOf, wordPieces } from './deterministic-text.js';
import type { Draft } from './draft.js';
import { answerChat } from './openai-chat.js';
import { answerCompletion } from './openai-completions.js';
import { sseFrame } from './openai-wire.js';
import type { Frame, Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';
import { overflow } from './vllm-errors.js';

/** POST /v1/chat/completions: OpenAI's answer as vLLM writes it. Throws RequestProblem. */
export function answerVllmChat(request: ModelRequest): Plan {
  let reasoning: string[] = [];
  const plan = answerChat({
    ...request,
    reshape: (draft) => {
      reasoning = reasoningOf(request, draft);
      return request.reshape(withinWindow(request, draft));
    },
  });
  const field = request.settings.reasoning_field;
  return plan.stream
    ? { ...plan, frames: withReasoning(plan.frames.map(dressedFrame), { field, pieces: reasoning }) }
    : { ...plan, frames: plan.frames.map((frame) => dressedBody(frame, { field, pieces: reasoning })) };
}

/** POST /v1/completions, likewise. Throws RequestProblem. */
export function answerVllmCompletion(request: ModelRequest): Plan {
  const plan = answerCompletion({
    ...request,
    reshape: (draft) => request.reshape(withinWindow(request, draft)),
  });
  const dressed = plan.stream ? dressedFrame : (frame: Frame) => edited(frame, toVllm);
  return { ...plan, frames: plan.frames.map(dressed) };
}

interface Reasoning {
  field: 'reasoning' | 'reasoning_content';
  pieces: string[];
}

/** Prompt and requested answer must fit; without a requested length there must be room for one token. */
function withinWindow({ body, settings }: ModelRequest, draft: Draft): Draft {
  const asked = body.max_completion_tokens ?? body.max_tokens;
  const output = typeof asked === 'number' ? asked : 0;
  const window = settings.max_model_len;
  if (draft.promptTokens + Math.max(output, 1) > window) throw overflow({ window, output, input: draft.promptTokens });
  return draft;
}

function reasoningOf({ body }: ModelRequest, draft: Draft): string[] {
  if (body.include_reasoning === false) return [];
  return wordPieces(seedOf('reasoning', draft.promptTokens), draft.reasoningTokens);
}

function dressedBody(frame: Frame, { field, pieces }: Reasoning): Frame {
  return edited(frame, (body) => {
    const choices = list(body.choices).map((choice) => {
      const message = isJsonObject(choice.message) ? choice.message : {};
      const said = { [field]: pieces.length > 0 ? pieces.join('') : null };
      const unused = { annotations: null, audio: null, function_call: null };
      // vLLM names no calls with an empty list, where OpenAI leaves the field out.
      return { ...choice, message: { tool_calls: [], ...message, ...unused, ...said } };
    });
    return toVllm({ ...body, choices });
  });
}

function dressedFrame(frame: Frame): Frame {
  return frame.part === 'done' ? frame : edited(frame, toVllm);
}

/** The reasoning comes after the chunks that open the choices, and before everything that they say. */
function withReasoning(frames: Frame[], { field, pieces }: Reasoning): Frame[] {
  const opening = frames.filter(opensChoice);
  const chunks = pieces.flatMap((piece) =>
    opening.map((head): Frame => {
      const said = edited(head, (chunk) => ({
        ...chunk,
        choices: list(chunk.choices).map((choice) => ({ ...choice, delta: { [field]: piece } })),
      }));
      return { ...said, part: 'content', tokens: 1 };
    }),
  );
  return [...opening, ...chunks, ...frames.filter((frame) => !opening.includes(frame))];
}

function opensChoice(frame: Frame): boolean {
  return frame.part === 'head' && frame.text.includes('"delta":{"role":');
}

/** Fields that OpenAI has and vLLM leaves null, those that vLLM adds, and the details that it does not count. */
function toVllm(body: JsonObject): JsonObject {
  const { service_tier: _tier, system_fingerprint: _fingerprint, ...rest } = body;
  const choices = list(body.choices).map((choice) => ({ ...choice, stop_reason: null, token_ids: null }));
  return {
    ...rest,
    choices,
    ...(isJsonObject(body.usage) ? { usage: toVllmUsage(body.usage) } : {}),
    ...(body.object === 'chat.completion'
      ? { service_tier: null, system_fingerprint: null, prompt_logprobs: null }
      : {}),
  };
}

function toVllmUsage({ completion_tokens_details: _details, ...usage }: JsonObject): JsonObject {
  const details = usage.prompt_tokens_details;
  const cached = isJsonObject(details) ? details.cached_tokens : 0;
  return { ...usage, prompt_tokens_details: cached === 0 ? null : { cached_tokens: cached } };
}

/** The frame with its JSON changed; a stream's frames carry it as an event. */
function edited(frame: Frame, edit: (json: JsonObject) => JsonObject): Frame {
  const isEvent = frame.text.startsWith('data: ');
  const json = JSON.parse(isEvent ? frame.text.slice('data: '.length) : frame.text) as JsonObject;
  const text = JSON.stringify(edit(json));
  return { ...frame, text: isEvent ? sseFrame(text) : text };
}

function list(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
