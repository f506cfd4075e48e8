import type { JsonObject } from '#contracts/json.js';
import type { OutputDelta } from '#contracts/output-delta.js';
import { hasContent, mergePieces } from '#providers/merge-pieces.js';
import type { StreamedPiece } from '#providers/provider-adapter.js';
import { choiceText } from './answer-text.js';

/** Output is written to the event stream at most this often; the first content goes out at once. */
const COALESCE_MS = 20;

export interface OutputWriterOptions {
  attempt: number;
  /** The step that speaks; null in a job of one call. */
  step: string | null;
  /** Appends a delta's JSON text; anything but `ok` means that this run must stop. */
  emit: (delta: string) => Promise<'ok' | 'refused' | 'stop'>;
  /** Called once when the run must stop. */
  onStop: (reason: 'lock_lost' | 'stopped') => void;
  /** Called once when writing failed for good. */
  onError: (error: unknown) => void;
}

/**
 * Turns upstream chunks into coalesced `output.delta` events. Nothing is written before the first content: until then the
 * attempt can fail over unseen.
 */
export class OutputWriter {
  private pending: StreamedPiece[] = [];
  private envelope: JsonObject | undefined;
  private writing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** True once something was written that readers have seen. */
  committed = false;
  /** Everything streamed so far as text, for counting when the provider reports no usage. */
  text = '';

  constructor(private readonly options: OutputWriterOptions) {}

  /** Takes one upstream chunk. */
  write(piece: StreamedPiece): void {
    this.envelope ??= piece.envelope;
    this.pending.push(piece);
    this.text += piece.choices.map(choiceText).join('');
    if (!this.committed && hasContent(piece.choices)) {
      this.committed = true;
      this.emitPending();
    } else if (this.committed) {
      this.timer ??= setTimeout(() => this.emitPending(), COALESCE_MS);
    }
  }

  /** Writes what is left; resolves when all of it is in Redis. */
  async flush(): Promise<void> {
    if (this.pending.length > 0) this.emitPending();
    await this.writing;
  }

  /** Forgets what was not written yet. */
  discard(): void {
    clearTimeout(this.timer);
    this.pending = [];
    this.stopped = true;
  }

  private emitPending(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.stopped) return;
    const delta: OutputDelta = {
      attempt: this.options.attempt,
      ...(this.options.step !== null && { step: this.options.step }),
      choices: mergePieces(this.pending),
    };
    if (this.envelope !== undefined && this.envelope !== SENT) delta.envelope = this.envelope;
    this.envelope = SENT;
    this.pending = [];
    const json = JSON.stringify(delta);
    this.writing = this.writing.then(() => this.emit(json)).catch((error: unknown) => this.fail(error));
  }

  private async emit(json: string): Promise<void> {
    if (this.stopped) return;
    const reply = await this.options.emit(json);
    if (reply === 'ok') return;
    this.discard();
    this.options.onStop(reply === 'refused' ? 'lock_lost' : 'stopped');
  }

  private fail(error: unknown): void {
    this.discard();
    this.options.onError(error);
  }
}

const SENT: JsonObject = {};
