import { isJsonObject, type JsonObject } from '#contracts/json.js';

/** What the model wrote, of all choices, for counting: texts, refusals, reasoning, tool calls. Embeddings have none. */
export function answerText(body: string): string {
  const answer: unknown = JSON.parse(body);
  if (!isJsonObject(answer) || !Array.isArray(answer.choices)) return '';
  return answer.choices.filter(isJsonObject).map(choiceText).join('');
}

/** The text in one choice, whole (`message`), streamed (`delta`) or of a legacy completion (`text`). */
export function choiceText(choice: JsonObject): string {
  if (typeof choice.text === 'string') return choice.text;
  const said = choice.message ?? choice.delta;
  if (!isJsonObject(said)) return '';
  return WRITTEN.map((field) => said[field])
    .map((value) => (typeof value === 'string' ? value : Array.isArray(value) ? JSON.stringify(value) : ''))
    .join('');
}

const WRITTEN = ['content', 'refusal', 'reasoning', 'reasoning_content', 'tool_calls'];
