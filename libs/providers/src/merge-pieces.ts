import type { ChoiceDelta } from '#contracts/output-delta.js';
import { mergeChoice } from './merge-choice.js';
import type { StreamedPiece } from './provider-adapter.js';

/**
 * Several consecutive pieces as one list of choice deltas, one per choice, in order of appearance. Nothing is lost:
 * a reader that accumulates the merged deltas ends with what it would have had from the pieces. The pieces stay as they are.
 */
export function mergePieces(pieces: StreamedPiece[]): ChoiceDelta[] {
  const merged = new Map<number, ChoiceDelta>();
  for (const piece of pieces) {
    for (const choice of piece.choices) mergeChoice(merged, choice);
  }
  return [...merged.values()];
}

/** True when the choices say something to a reader: a role alone, or an end alone, is not content. */
export function hasContent(choices: ChoiceDelta[]): boolean {
  return choices.some(
    ({ text, delta }) =>
      isFilled(text) || (delta !== undefined && CONTENT_FIELDS.some((field) => isFilled(delta[field]))),
  );
}

const CONTENT_FIELDS = ['content', 'tool_calls', 'refusal', 'reasoning', 'reasoning_content', 'function_call', 'audio'];

function isFilled(value: unknown): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0;
  return typeof value === 'object' && value !== null;
}
