import { immediatePlan, type Plan } from './plan.js';
import { RequestProblem, type ModelRequest } from './protocol.js';
import { readMessages, textOf } from './openai-chat.js';
import { vllmProblem } from './vllm-errors.js';

/** A token is a quarter as many as there are characters, as the counts of the answers say. */
const CHARS_PER_TOKEN = 4;
/** Beyond so many pieces the book starts anew: it is for tests. */
const MOST_PIECES = 1_000_000;

/** Gives each piece of text a number and remembers it, so that what was tokenized here can be put together again. */
export class TokenBook {
  private ids = new Map<string, number>();
  private pieces: string[] = [];

  /** POST /tokenize: of a prompt or of messages and tools, counted as an answer's usage counts them. Throws RequestProblem. */
  tokenize({ body, settings }: ModelRequest): Plan {
    const text = typeof body.prompt === 'string' ? body.prompt : chatText(body.messages, body.tools);
    const pieces = Array.from({ length: Math.ceil(text.length / CHARS_PER_TOKEN) }, (_, at) =>
      text.slice(at * CHARS_PER_TOKEN, (at + 1) * CHARS_PER_TOKEN),
    );
    const answer = {
      count: pieces.length,
      max_model_len: settings.max_model_len,
      tokens: pieces.map((piece) => this.idOf(piece)),
      token_strs: body.return_token_strs === true ? pieces : null,
    };
    return immediatePlan({ text: JSON.stringify(answer) });
  }

  /** POST /detokenize. Throws RequestProblem for a token that was never given out. */
  detokenize({ body }: ModelRequest): Plan {
    const tokens: unknown[] = Array.isArray(body.tokens) ? body.tokens : [];
    const prompt = tokens.map((token) => this.pieceOf(token)).join('');
    return immediatePlan({ text: JSON.stringify({ prompt }) });
  }

  private idOf(piece: string): number {
    const known = this.ids.get(piece);
    if (known !== undefined) return known;
    if (this.pieces.length === MOST_PIECES) {
      this.ids = new Map();
      this.pieces = [];
    }
    this.ids.set(piece, this.pieces.length);
    return this.pieces.push(piece) - 1;
  }

  private pieceOf(token: unknown): string {
    const piece = typeof token === 'number' ? this.pieces[token] : undefined;
    if (piece !== undefined) return piece;
    const message = `Token id ${JSON.stringify(token)} is out of vocabulary`;
    throw new RequestProblem(vllmProblem({ status: 400, param: 'tokens', message }));
  }
}

function chatText(messages: unknown, tools: unknown): string {
  const said = readMessages(messages).map((message) => textOf(message.content));
  return said.join('') + (Array.isArray(tools) ? JSON.stringify(tools) : '');
}
