import type { JsonObject } from '#contracts/json.js';
import { nextState, promptTokens, seedOf } from './deterministic-text.js';
import { badRequest, wholeNumber } from './openai-errors.js';
import { bodyPlan, type Plan } from './plan.js';
import type { ModelRequest } from './protocol.js';
import type { RequestSize } from './rate-limiter.js';

const MAX_INPUTS = 2048;

interface EmbeddingInput {
  text: string;
  tokens: number;
}

/** POST /v1/embeddings: unit vectors that depend on model, input and length alone. Throws RequestProblem. */
export function answerEmbedding(request: ModelRequest): Plan {
  const { body, model, settings } = request;
  const inputs = readInputs(body.input);
  const format = body.encoding_format ?? 'float';
  if (format !== 'float' && format !== 'base64') {
    throw badRequest({
      param: 'encoding_format',
      message: "Invalid value for 'encoding_format': expected float or base64.",
    });
  }
  const length = wholeNumber(request, 'dimensions', { min: 1, max: 8192 }) ?? settings.embedding_dimensions;
  const data = inputs.map((input, index) => {
    const vector = embed(seedOf(input.text, seedOf(model)), length);
    return { object: 'embedding', index, embedding: format === 'base64' ? base64(vector) : Array.from(vector) };
  });
  const input = inputs.reduce((sum, { tokens }) => sum + tokens, 0);
  const answer: JsonObject = { object: 'list', data, model, usage: { prompt_tokens: input, total_tokens: input } };
  return bodyPlan(JSON.stringify(answer), { input, output: 0 }, settings);
}

/** What limits count of an embedding request. Throws RequestProblem. */
export function embeddingSize({ body }: ModelRequest): RequestSize {
  return { input: readInputs(body.input).reduce((sum, { tokens }) => sum + tokens, 0), cached: 0, maxOutput: 0 };
}

/** Text, texts, token ids, or several lists of token ids. */
function readInputs(input: unknown): EmbeddingInput[] {
  if (input === undefined || input === null) {
    throw badRequest({
      code: 'missing_required_parameter',
      param: 'input',
      message: "Missing required parameter: 'input'.",
    });
  }
  const items: unknown[] = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
  if (items.length === 0 || items.length > MAX_INPUTS) {
    const message = `Invalid 'input': expected between 1 and ${MAX_INPUTS} items, but got ${items.length}.`;
    throw badRequest({ param: 'input', message });
  }
  return items.map(readInput);
}

function readInput(item: unknown): EmbeddingInput {
  if (typeof item === 'string' && item !== '') {
    return { text: item, tokens: promptTokens(item.length) };
  }
  if (Array.isArray(item) && item.length > 0 && item.every(Number.isInteger)) {
    return { text: item.join(','), tokens: item.length };
  }
  throw badRequest({ param: 'input', message: "'$.input' is invalid. Please check the API reference." });
}

/** Float32, so that both encodings carry the very same numbers. */
function embed(seed: number, length: number): Float32Array {
  const vector = new Float32Array(length);
  let state = seed;
  let squares = 0;
  for (let i = 0; i < length; i++) {
    state = nextState(state);
    const value = state / 2 ** 31 - 1;
    vector[i] = value;
    squares += value * value;
  }
  const norm = Math.sqrt(squares) || 1;
  return vector.map((value) => value / norm);
}

/** Little-endian float32, as the official clients decode it. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}
