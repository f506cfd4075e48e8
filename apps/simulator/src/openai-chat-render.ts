import type { JsonObject } from '#contracts/json.js';
import { logprobOf } from './deterministic-text.js';
import type { Draft, DraftCall, DraftChoice } from './draft.js';
import { answerId, asksForUsage, ChunkWriter, createdNow, interleaved, servedBy, usageOf } from './openai-wire.js';
import { bodyPlan, streamPlan, type Frame, type Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';

const FINGERPRINT = 'fp_simulator';

/** A draft as a `chat.completion`. */
export function renderChat(request: ModelRequest, draft: Draft): Plan {
  const answer: JsonObject = {
    ...envelope(request, 'chat.completion'),
    choices: draft.choices.map((choice, index) => ({
      index,
      message: {
        role: 'assistant',
        content: choice.calls.length > 0 ? null : choice.pieces.join(''),
        refusal: null,
        ...(choice.calls.length > 0 ? { tool_calls: choice.calls.map(toolCall) } : {}),
        annotations: [],
      },
      logprobs: logprobs(request.body, choice.pieces),
      finish_reason: choice.finish,
    })),
    usage: usageOf(draft),
  };
  return bodyPlan(JSON.stringify(answer), servedBy(draft), request.settings);
}

/** A draft as a stream of `chat.completion.chunk`. */
export function renderChatStream(request: ModelRequest, draft: Draft): Plan {
  const writer = new ChunkWriter(envelope(request, 'chat.completion.chunk'), asksForUsage(request.body));
  const heads = draft.choices.map((choice, index) => headFrame(writer, choice, index));
  const contents = draft.choices.map((choice, index) => contentFrames(request.body, { writer, choice, index }));
  const finishes = draft.choices.flatMap((choice, index) => finishFrame(writer, choice, index));
  const frames = [...heads, ...interleaved(contents), ...finishes, ...writer.closing(usageOf(draft))];
  return streamPlan(frames, servedBy(draft), request.settings);
}

function envelope(request: ModelRequest, object: string): JsonObject {
  return {
    id: answerId('chatcmpl'),
    object,
    created: createdNow(),
    model: request.model,
    service_tier: 'default',
    system_fingerprint: FINGERPRINT,
  };
}

function toolCall(call: DraftCall): JsonObject {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.pieces.join('') } };
}

function headFrame(writer: ChunkWriter, choice: DraftChoice, index: number): Frame {
  const content = choice.calls.length > 0 ? 'null' : '""';
  return writer.frame('head', wrapped(index, `{"role":"assistant","content":${content},"refusal":null}`, 'null'));
}

function contentFrames(
  body: JsonObject,
  { writer, choice, index }: { writer: ChunkWriter; choice: DraftChoice; index: number },
): Frame[] {
  if (choice.calls.length > 0) {
    return choice.calls.flatMap((call, at) => callFrames(writer, { call, at, index }));
  }
  return choice.pieces.map((piece) => {
    const probabilities = body.logprobs === true ? JSON.stringify(logprobs(body, [piece])) : 'null';
    return writer.frame('content', wrapped(index, `{"content":${JSON.stringify(piece)}}`, probabilities));
  });
}

/** Id, type and name come in a call's first piece alone: clients concatenate the rest and refuse a change. */
function callFrames(writer: ChunkWriter, { call, at, index }: { call: DraftCall; at: number; index: number }): Frame[] {
  const first = { index: at, id: call.id, type: 'function', function: { name: call.name, arguments: '' } };
  const later = call.pieces.map((piece) => ({ index: at, function: { arguments: piece } }));
  return [
    writer.frame('head', wrapped(index, JSON.stringify({ tool_calls: [first] }), 'null')),
    ...later.map((delta) => writer.frame('content', wrapped(index, JSON.stringify({ tool_calls: [delta] }), 'null'))),
  ];
}

function finishFrame(writer: ChunkWriter, choice: DraftChoice, index: number): Frame[] {
  if (choice.finish === null) {
    return [];
  }
  return [writer.frame('finish', `{"index":${index},"delta":{},"logprobs":null,"finish_reason":"${choice.finish}"}`)];
}

function wrapped(index: number, delta: string, logprobsJson: string): string {
  return `{"index":${index},"delta":${delta},"logprobs":${logprobsJson},"finish_reason":null}`;
}

function logprobs(body: JsonObject, pieces: readonly string[]): JsonObject | null {
  if (body.logprobs !== true) {
    return null;
  }
  const alternatives = typeof body.top_logprobs === 'number' ? body.top_logprobs : 0;
  const content = pieces.map((piece) => ({
    ...tokenLogprob(piece, logprobOf(piece)),
    top_logprobs: Array.from({ length: alternatives }, (_, rank) =>
      tokenLogprob(rank === 0 ? piece : `${piece}~${rank}`, logprobOf(piece) - rank),
    ),
  }));
  return { content, refusal: null };
}

function tokenLogprob(token: string, logprob: number): JsonObject {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}
