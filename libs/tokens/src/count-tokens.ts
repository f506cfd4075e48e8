import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { get_encoding, type Tiktoken } from 'tiktoken';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import { readPieces } from './read-pieces.js';
import { MAX_SLICE, nextSlice } from './slice-text.js';

/** How long counting may hold a turn of the event loop, in milliseconds. */
const HOLD_MS = 5;

export interface CountOptions {
  /** Aborting makes a count that is still under way reject with the signal's reason. */
  signal?: AbortSignal;
}

export interface RequestTokens {
  /** All input of the request: what is billed and what counts against rate limits. */
  inputTokens: number;
  /**
   * The longest single prompt or input: what must fit a context window. It differs from `inputTokens` where `prompt` or
   * `input` is a list, because each element is a sequence of its own.
   */
  longestInputTokens: number;
}

/** Counts tokens by o200k_base without blocking the event loop. Building one takes about 0.2 s, so a process keeps one. */
export class TokenCounter {
  readonly #encoding: Tiktoken = get_encoding('o200k_base');
  /** How long has been counted since the allowance was last given, at the longest in this turn of the event loop. */
  #heldMs = 0;
  /** The next turn, while somebody waits for it. */
  #turn: Promise<void> | null = null;

  /** Resolves with the tokens of a text; control tokens in it, such as `<|endoftext|>`, are counted as ordinary text. */
  async countText(text: string, options: CountOptions = {}): Promise<number> {
    return (await this.#countAll([{ tokens: 0, texts: [text] }], options)).inputTokens;
  }

  /**
   * Resolves with the tokens of an OpenAI-shaped body. Fields of a wrong type count nothing: judging them is validation's
   * task. Rejects with the signal's reason, or with `invalid_request` for JSON nested too deeply to be written again.
   */
  async countRequest(kind: CallKind, body: JsonObject, options: CountOptions = {}): Promise<RequestTokens> {
    return this.#countAll(readPieces(kind, body), options);
  }

  /** Frees the encoder's memory; the counter cannot be used afterwards. */
  dispose(): void {
    this.#encoding.free();
  }

  async #countAll(pieces: { tokens: number; texts: string[] }[], { signal }: CountOptions): Promise<RequestTokens> {
    let inputTokens = 0;
    let longestInputTokens = 0;
    let encoded = 0;
    for (const piece of pieces) {
      let tokens = piece.tokens;
      for (const text of piece.texts) {
        for (let start = 0; start < text.length;) {
          // What is small in all is counted at once, whatever else is under way.
          if (encoded > MAX_SLICE) {
            await this.#untilTimeLeft();
            signal?.throwIfAborted();
          }
          const end = nextSlice(text, start);
          tokens += this.#encode(text.slice(start, end));
          encoded += end - start;
          start = end;
        }
      }
      inputTokens += tokens;
      if (tokens > longestInputTokens) longestInputTokens = tokens;
    }
    return { inputTokens, longestInputTokens };
  }

  /** All counts share one allowance per turn: ten prompts at once must not hold the loop ten times as long. */
  async #untilTimeLeft(): Promise<void> {
    while (this.#heldMs >= HOLD_MS) {
      this.#turn ??= nextTurn().then(() => {
        this.#heldMs = 0;
        this.#turn = null;
      });
      await this.#turn;
    }
  }

  #encode(slice: string): number {
    const startedAt = performance.now();
    // `encode` would throw on control tokens in user text.
    const tokens = this.#encoding.encode_ordinary(slice).length;
    this.#heldMs += performance.now() - startedAt;
    return tokens;
  }
}
