/** Anthropic's stop reason in OpenAI's words, or null when the answer has not ended. A reason that is new is an end all the same. */
export function toFinishReason(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? (REASONS.get(value) ?? 'stop') : null;
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['pause_turn', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
]);
