import type { JsonObject } from '#contracts/json.js';
import { logprobOf, promptTokens } from './deterministic-text.js';
import { draftAnswer, type Draft, type DraftChoice } from './draft.js';
import { badRequest, wholeNumber } from './openai-errors.js';
import {
  answerId,
  asksForUsage,
  ChunkWriter,
  createdNow,
  interleaved,
  servedBy,
  stopSequences,
  usageOf,
} from './openai-wire.js';
import { bodyPlan, streamPlan, type Frame, type Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';
import type { RequestSize } from './rate-limiter.js';

/** OpenAI's own default for this route. */
const DEFAULT_MAX_TOKENS = 16;

interface Prompt {
  text: string;
  tokens: number;
}

/** POST /v1/completions: one choice for each prompt and each of `n`, prompts first. Throws RequestProblem. */
export function answerCompletion(request: ModelRequest): Plan {
  const prompts = readPrompts(request.body.prompt);
  const n = wholeNumber(request, 'n', { min: 1, max: 128 }) ?? 1;
  const draft = request.reshape(draftAll(request, { prompts, n }));
  const echoes = request.body.echo === true ? prompts.flatMap((prompt) => new Array<string>(n).fill(prompt.text)) : [];
  return request.body.stream === true
    ? renderStream(request, { draft, echoes })
    : renderBody(request, { draft, echoes });
}

/** What limits count of a completion request. Throws RequestProblem. */
export function completionSize(request: ModelRequest): RequestSize {
  const cachedAtMost = request.settings.cached_tokens;
  const prompts = readPrompts(request.body.prompt);
  return {
    input: prompts.reduce((sum, { tokens }) => sum + tokens, 0),
    cached: prompts.reduce((sum, { tokens }) => sum + Math.min(cachedAtMost, tokens), 0),
    maxOutput: maxTokensOf(request),
  };
}

function maxTokensOf(request: ModelRequest): number {
  return wholeNumber(request, 'max_tokens', { min: 1, max: 10_000_000 }) ?? DEFAULT_MAX_TOKENS;
}

function draftAll(request: ModelRequest, { prompts, n }: { prompts: Prompt[]; n: number }): Draft {
  const { settings } = request;
  const maxTokens = maxTokensOf(request);
  const drafts = prompts.map((prompt) =>
    draftAnswer({
      model: request.model,
      prompt: prompt.text,
      promptTokens: prompt.tokens,
      calls: [],
      schema: null,
      choices: n,
      maxTokens,
      stop: stopSequences(request.body),
      outputTokens: settings.output_tokens,
      cachedTokens: settings.cached_tokens,
      reasoningTokens: settings.reasoning_tokens,
      text: request.text,
    }),
  );
  const sum = (figure: (draft: Draft) => number) => drafts.reduce((total, draft) => total + figure(draft), 0);
  return {
    choices: drafts.flatMap((draft) => draft.choices),
    promptTokens: sum((draft) => draft.promptTokens),
    cachedTokens: sum((draft) => draft.cachedTokens),
    reasoningTokens: sum((draft) => draft.reasoningTokens),
  };
}

/** A text, texts, token ids or several lists of token ids; token ids echo as their numbers. */
function readPrompts(prompt: unknown): Prompt[] {
  const items: unknown[] =
    Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt : [prompt ?? '<|endoftext|>'];
  if (items.length === 0) {
    throw badRequest({ code: 'empty_array', param: 'prompt', message: "Invalid 'prompt': empty array." });
  }
  return items.map((item) => {
    if (typeof item === 'string') {
      return { text: item, tokens: promptTokens(item.length) };
    }
    if (Array.isArray(item) && item.every(Number.isInteger)) {
      return { text: item.join(' '), tokens: item.length };
    }
    throw badRequest({ code: 'invalid_type', param: 'prompt', message: "Invalid type for 'prompt'." });
  });
}

function renderBody(request: ModelRequest, { draft, echoes }: { draft: Draft; echoes: string[] }): Plan {
  const answer: JsonObject = {
    ...envelope(request),
    choices: draft.choices.map((choice, index) => ({
      text: (echoes[index] ?? '') + choice.pieces.join(''),
      index,
      logprobs: logprobs(request.body, { choice, offset: echoes[index]?.length ?? 0 }),
      finish_reason: choice.finish,
    })),
    usage: usageOf(draft),
  };
  return bodyPlan(JSON.stringify(answer), servedBy(draft), request.settings);
}

function renderStream(request: ModelRequest, { draft, echoes }: { draft: Draft; echoes: string[] }): Plan {
  const writer = new ChunkWriter(envelope(request), asksForUsage(request.body));
  const lanes = draft.choices.map((choice, index) =>
    choiceFrames(request.body, { writer, choice, index, echo: echoes[index] ?? '' }),
  );
  const finishes = draft.choices.flatMap((choice, index) =>
    choice.finish === null ? [] : [writer.frame('finish', choiceJson(index, '', { finish: choice.finish }))],
  );
  return streamPlan(
    [...interleaved(lanes), ...finishes, ...writer.closing(usageOf(draft))],
    servedBy(draft),
    request.settings,
  );
}

function choiceFrames(
  body: JsonObject,
  { writer, choice, index, echo }: { writer: ChunkWriter; choice: DraftChoice; index: number; echo: string },
): Frame[] {
  const head = echo === '' ? [] : [writer.frame('head', choiceJson(index, echo))];
  let offset = echo.length;
  const pieces = choice.pieces.map((piece) => {
    const found = logprobs(body, { choice: { ...choice, pieces: [piece] }, offset });
    offset += piece.length;
    return writer.frame('content', choiceJson(index, piece, { logprobs: found }));
  });
  return [...head, ...pieces];
}

function envelope(request: ModelRequest): JsonObject {
  return {
    id: answerId('cmpl'),
    object: 'text_completion',
    created: createdNow(),
    model: request.model,
    system_fingerprint: 'fp_simulator',
  };
}

function choiceJson(
  index: number,
  text: string,
  { logprobs = null, finish = null }: { logprobs?: JsonObject | null; finish?: string | null } = {},
): string {
  return JSON.stringify({ text, index, logprobs, finish_reason: finish });
}

function logprobs(body: JsonObject, { choice, offset }: { choice: DraftChoice; offset: number }): JsonObject | null {
  if (typeof body.logprobs !== 'number') {
    return null;
  }
  let end = offset;
  return {
    text_offset: choice.pieces.map((piece) => (end += piece.length) - piece.length),
    token_logprobs: choice.pieces.map(logprobOf),
    tokens: choice.pieces,
    top_logprobs: choice.pieces.map((piece) => ({ [piece]: logprobOf(piece) })),
  };
}
