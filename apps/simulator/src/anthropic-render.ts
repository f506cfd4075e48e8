import type { JsonObject } from '#contracts/json.js';
import { eventFrame, nextId, servedBy, signatureOf, stopReason, usageOf } from './anthropic-wire.js';
import { seedOf, wordPieces } from './deterministic-text.js';
import type { Draft, DraftCall } from './draft.js';
import { bodyPlan, streamPlan, type Frame, type Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';

/** A content block, whole and in the deltas in which it is streamed. */
interface DraftBlock {
  whole: JsonObject;
  /** As it begins in a stream. */
  start: JsonObject;
  deltas: JsonObject[];
  /** Sent with the last delta, and no token of its own. */
  closing: JsonObject[];
}

/** A draft as a message. */
export function renderMessage(request: ModelRequest, draft: Draft): Plan {
  const content = blocksOf(draft).map(({ whole }) => whole);
  const answer = { ...messageOf(request, content), ...endOf(draft), usage: usageOf(draft) };
  return bodyPlan(JSON.stringify(answer), servedBy(draft), request.settings);
}

/** A draft as a stream of events; the last usage is cumulative. */
export function renderMessageStream(request: ModelRequest, draft: Draft): Plan {
  const usage = usageOf(draft);
  const { output_tokens_details: _, ...begun } = usage;
  const message = {
    ...messageOf(request, []),
    stop_reason: null,
    stop_sequence: null,
    usage: { ...begun, output_tokens: 1 },
  };
  const end = endOf(draft);
  const finish: Frame[] =
    end.stop_reason === null ? [] : [eventFrame('finish', { type: 'message_delta', delta: end, usage })];
  const frames = [
    eventFrame('head', { type: 'message_start', message }),
    eventFrame('head', { type: 'ping' }),
    ...blocksOf(draft).flatMap(blockFrames),
    ...finish,
    eventFrame('done', { type: 'message_stop' }),
  ];
  return streamPlan(frames, servedBy(draft), request.settings);
}

function messageOf(request: ModelRequest, content: JsonObject[]): JsonObject {
  return { id: nextId('msg'), type: 'message', role: 'assistant', model: request.model, content };
}

function endOf({ choices: [choice] }: Draft): JsonObject {
  const { finish = null, stopSequence } = choice ?? {};
  const stopped = finish === 'stop' && stopSequence !== undefined;
  const reason = stopReason(finish, stopped);
  const refused = reason === 'refusal' ? { stop_details: { type: 'refusal', explanation: 'Simulated refusal.' } } : {};
  return { stop_reason: reason, stop_sequence: stopped ? stopSequence : null, ...refused };
}

function blocksOf({ choices: [choice], reasoningTokens }: Draft): DraftBlock[] {
  const { pieces = [], calls = [] } = choice ?? {};
  const thoughts = reasoningTokens > 0 ? [thinkingBlock(reasoningTokens, pieces.join(''))] : [];
  return [...thoughts, ...(pieces.length > 0 ? [textBlock(pieces)] : []), ...calls.map(toolBlock)];
}

function thinkingBlock(tokens: number, about: string): DraftBlock {
  const pieces = wordPieces(seedOf(about), tokens);
  const thinking = pieces.join('');
  const signature = signatureOf(thinking);
  return {
    whole: { type: 'thinking', thinking, signature },
    start: { type: 'thinking', thinking: '', signature: '' },
    deltas: pieces.map((piece) => ({ type: 'thinking_delta', thinking: piece })),
    closing: [{ type: 'signature_delta', signature }],
  };
}

function textBlock(pieces: string[]): DraftBlock {
  return {
    whole: { type: 'text', text: pieces.join('') },
    start: { type: 'text', text: '' },
    deltas: pieces.map((text) => ({ type: 'text_delta', text })),
    closing: [],
  };
}

/** A call cut off by the token limit streams what there is of its input; a whole message shows it empty. */
function toolBlock({ id, name, pieces }: DraftCall): DraftBlock {
  const head = { type: 'tool_use', id: id.replace(/^call_/, 'toolu_'), name };
  const json = pieces.join('');
  return {
    whole: { ...head, input: parsedInput(json) },
    start: { ...head, input: {} },
    // A call without arguments streams no input at all.
    deltas: json === '{}' ? [] : pieces.map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
    closing: [],
  };
}

function parsedInput(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

function blockFrames({ start, deltas, closing }: DraftBlock, index: number): Frame[] {
  return [
    eventFrame('head', { type: 'content_block_start', index, content_block: start }),
    ...deltas.map((delta) => eventFrame('content', { type: 'content_block_delta', index, delta })),
    ...closing.map((delta) => eventFrame('head', { type: 'content_block_delta', index, delta })),
    eventFrame('head', { type: 'content_block_stop', index }),
  ];
}
