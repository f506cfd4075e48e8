import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';

/** Every message is framed by three tokens and its role, and a name adds a separator (OpenAI's cookbook, gpt-4o). */
const MESSAGE_TOKENS = 3;
const ROLE_TOKENS = 1;
const NAME_TOKENS = 1;
/** The answer is primed with `<|start|>assistant<|message|>`. */
const PRIMING_TOKENS = 3;

/** OpenAI's tile prices: 85 for a low-detail image, 85 + 4 × 170 for a 1024 × 1024 one; pixels are not looked at here. */
const LOW_DETAIL_IMAGE_TOKENS = 85;
const IMAGE_TOKENS = 765;
/** Speech costs about ten tokens a second, and compressed speech takes about 16 kB a second. */
const AUDIO_BYTES_PER_TOKEN = 1_600;
/** A few pages; what a file holds is known only to the provider. */
const FILE_TOKENS = 2_000;

/** One sequence of the input: tokens that are known without encoding, and the texts that must be encoded. */
export interface Piece {
  tokens: number;
  texts: string[];
}

/** Reads what counts as input out of an OpenAI-shaped body: one piece for a chat, one per prompt or input otherwise. */
export function readPieces(kind: CallKind, body: JsonObject): Piece[] {
  switch (kind) {
    case 'chat':
      return [readChat(body)];
    case 'completion':
      return readSequences(body.prompt, body.suffix);
    case 'embedding':
      return readSequences(body.input, undefined);
  }
}

function readChat(body: JsonObject): Piece {
  const piece: Piece = { tokens: PRIMING_TOKENS, texts: [] };
  if (Array.isArray(body.messages)) {
    for (const message of body.messages as unknown[]) if (isJsonObject(message)) addMessage(piece, message);
  }
  addJson(piece, body.tools, 'tools');
  addJson(piece, body.functions, 'functions');
  if (isJsonObject(body.response_format)) addJson(piece, body.response_format.json_schema, 'response_format');
  return piece;
}

function addMessage(piece: Piece, message: JsonObject): void {
  piece.tokens += MESSAGE_TOKENS + ROLE_TOKENS;
  if (typeof message.name === 'string') {
    piece.tokens += NAME_TOKENS;
    piece.texts.push(message.name);
  }
  if (Array.isArray(message.content)) for (const part of message.content as unknown[]) addPart(piece, part);
  else addText(piece, message.content);
  addText(piece, message.refusal);
  addFunction(piece, message.function_call);
  if (Array.isArray(message.tool_calls)) {
    for (const call of message.tool_calls as unknown[]) {
      if (!isJsonObject(call)) continue;
      addFunction(piece, call.function);
      addFunction(piece, call.custom);
    }
  }
}

/** Pictures, sound and files count by estimate: their base64 text is never what the model reads. */
function addPart(piece: Piece, part: unknown): void {
  if (!isJsonObject(part)) {
    addText(piece, part);
    return;
  }
  switch (part.type) {
    case 'text': {
      addText(piece, part.text);
      return;
    }
    case 'refusal': {
      addText(piece, part.refusal);
      return;
    }
    case 'image_url':
      piece.tokens +=
        isJsonObject(part.image_url) && part.image_url.detail === 'low' ? LOW_DETAIL_IMAGE_TOKENS : IMAGE_TOKENS;
      return;
    case 'input_audio':
      piece.tokens += audioTokens(part.input_audio);
      return;
    case 'file':
      piece.tokens += FILE_TOKENS;
      return;
    default: {
      // A vendor's own part, such as vLLM's video_url; what it embeds is not text either.
      addJson(piece, part, 'messages', withoutDataUrls);
      return;
    }
  }
}

function audioTokens(audio: unknown): number {
  if (!isJsonObject(audio) || typeof audio.data !== 'string') return 0;
  return Math.ceil((audio.data.length * 0.75) / AUDIO_BYTES_PER_TOKEN);
}

function addFunction(piece: Piece, call: unknown): void {
  if (!isJsonObject(call)) return;
  addText(piece, call.name);
  addText(piece, call.arguments);
  addText(piece, call.input);
}

function addText(piece: Piece, text: unknown): void {
  if (typeof text === 'string') piece.texts.push(text);
}

function addJson(
  piece: Piece,
  value: unknown,
  param: string,
  replacer?: (key: string, value: unknown) => unknown,
): void {
  if (typeof value !== 'object' || value === null) return;
  try {
    piece.texts.push(JSON.stringify(value, replacer));
  } catch (error) {
    // JSON.parse reads deeper nesting than JSON.stringify can write; such a body could not be stored or forwarded either.
    if (error instanceof RangeError)
      throw new TokenhubError('invalid_request', `${param} is nested too deeply`, { param, cause: error });
    throw error;
  }
}

function withoutDataUrls(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('data:') ? '' : value;
}

/** A string is one sequence; a list is one of token ids, or a list of strings and of token id lists. */
function readSequences(input: unknown, suffix: unknown): Piece[] {
  const pieces: Piece[] = [];
  if (!Array.isArray(input)) pieces.push(sequence(input));
  else if (typeof input[0] === 'number') pieces.push(sequence(input));
  else for (const element of input as unknown[]) pieces.push(sequence(element));
  if (typeof suffix === 'string') for (const piece of pieces) piece.texts.push(suffix);
  return pieces;
}

function sequence(value: unknown): Piece {
  if (typeof value === 'string') return { tokens: 0, texts: [value] };
  if (typeof value === 'number') return { tokens: 1, texts: [] };
  return { tokens: Array.isArray(value) ? value.length : 0, texts: [] };
}
