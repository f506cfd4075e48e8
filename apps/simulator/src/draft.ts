import { jsonPieces, seedOf, textPieces, wordPieces } from './deterministic-text.js';
import { valueForSchema, type JsonSchema } from './value-for-schema.js';

/** Why an answer ended, in OpenAI's words; null when a fault leaves it out. */
export type Finish = 'stop' | 'length' | 'tool_calls' | 'content_filter' | null;

/** A function that a request offers. */
export interface ToolSpec {
  name: string;
  parameters: JsonSchema;
}

/** What is asked of the model, freed from the vendor's wire shape. */
export interface Ask {
  model: string;
  /** The text that decides the answer. */
  prompt: string;
  promptTokens: number;
  /** The functions to call instead of answering in words. */
  calls: readonly ToolSpec[];
  /** Set when the answer has to be JSON. */
  schema: JsonSchema | null;
  choices: number;
  maxTokens: number | null;
  stop: readonly string[];
  /** Length of an answer in words, in tokens. */
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  /** Given word for word instead of a made-up answer. */
  text: string | null;
}

export interface DraftCall {
  id: string;
  name: string;
  /** JSON text of the arguments, in pieces of one token. */
  pieces: string[];
}

export interface DraftChoice {
  pieces: string[];
  calls: DraftCall[];
  finish: Finish;
  /** The stop sequence before which it ended. */
  stopSequence?: string;
}

/** A whole answer before it is put into a vendor's words; one piece is one token. */
export interface Draft {
  choices: DraftChoice[];
  promptTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
}

/** Makes the answer. It depends on the ask alone, and differs between models and choices. */
export function draftAnswer(ask: Ask): Draft {
  const reasoningTokens = Math.min(ask.reasoningTokens, ask.maxTokens ?? Infinity);
  const budget = ask.maxTokens === null ? Infinity : ask.maxTokens - reasoningTokens;
  const choices: DraftChoice[] = [];
  for (let index = 0; index < ask.choices; index++) {
    const seed = seedOf(ask.prompt, seedOf(ask.model, index));
    const choice = ask.calls.length > 0 && ask.text === null ? callingChoice(ask, seed) : speakingChoice(ask, seed);
    choices.push(cutToBudget(choice, budget));
  }
  return {
    choices,
    promptTokens: ask.promptTokens,
    cachedTokens: Math.min(ask.cachedTokens, ask.promptTokens),
    reasoningTokens,
  };
}

/** Output tokens of a draft, the reasoning ones included. */
export function outputTokens(draft: Draft): number {
  return draft.choices.reduce(
    (sum, choice) => sum + choice.calls.reduce((calls, call) => calls + call.pieces.length, choice.pieces.length),
    draft.reasoningTokens,
  );
}

function callingChoice(ask: Ask, seed: number): DraftChoice {
  const calls = ask.calls.map((tool, index) => {
    const callSeed = seedOf(tool.name, seed + index);
    return {
      id: `call_${callSeed.toString(16).padStart(8, '0')}${index}`,
      name: tool.name,
      pieces: jsonPieces(JSON.stringify(valueForSchema(tool.parameters, callSeed))),
    };
  });
  return { pieces: [], calls, finish: 'tool_calls' };
}

function speakingChoice(ask: Ask, seed: number): DraftChoice {
  return { ...stopBefore(spokenPieces(ask, seed), ask.stop), calls: [], finish: 'stop' };
}

function spokenPieces(ask: Ask, seed: number): string[] {
  if (ask.text !== null) {
    return textPieces(ask.text);
  }
  return ask.schema === null
    ? wordPieces(seed, ask.outputTokens)
    : jsonPieces(JSON.stringify(valueForSchema(ask.schema, seed)));
}

function stopBefore(pieces: string[], stop: readonly string[]): Pick<DraftChoice, 'pieces' | 'stopSequence'> {
  if (stop.length === 0) {
    return { pieces };
  }
  const text = pieces.join('');
  const ends = stop.map((sequence) => ({ sequence, at: text.indexOf(sequence) })).filter(({ at }) => at >= 0);
  const [first] = ends.sort((a, b) => a.at - b.at);
  return first === undefined
    ? { pieces }
    : { pieces: textPieces(text.slice(0, first.at)), stopSequence: first.sequence };
}

function cutToBudget(choice: DraftChoice, budget: number): DraftChoice {
  const wanted = choice.calls.reduce((sum, call) => sum + call.pieces.length, choice.pieces.length);
  if (wanted <= budget) {
    return choice;
  }
  let left = budget;
  const take = (pieces: string[]) => {
    const taken = pieces.slice(0, left);
    left -= taken.length;
    return taken;
  };
  const pieces = take(choice.pieces);
  const calls = choice.calls.map((call) => ({ ...call, pieces: take(call.pieces) }));
  return { pieces, calls: calls.filter((call) => call.pieces.length > 0), finish: 'length' };
}
