import type { Logger } from '#platform/logging.js';

/** Not a line for each: whoever guesses tokens must not fill the log with them. */
const EVERY_MS = 10_000;

/** Counts who was refused at the admin door, and tells the log: of the first at once, then how many there were, every so often. */
export class RefusedAdmins {
  private count = 0;
  private last: { code: string; address: string | undefined } | null = null;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly logger: Pick<Logger, 'warn'>,
    private readonly everyMs = EVERY_MS,
  ) {}

  /** One more; nothing of what was presented is told. */
  add(code: string, address: string | undefined): void {
    this.count += 1;
    this.last = { code, address };
    if (this.timer) return;
    this.tell();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.count > 0) this.tell();
    }, this.everyMs).unref();
  }

  /** How many there were, with the last of them. */
  private tell(): void {
    this.logger.warn({ refused: this.count, ...this.last }, 'refused at the admin door');
    this.count = 0;
  }
}
