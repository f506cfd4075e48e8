import type { ErrorClass } from '#contracts/attempt.js';
import type { Usage } from '#contracts/usage.js';
import { ProviderError, type ProviderErrorOptions } from '#providers/provider-error.js';
import type { Turn } from './worker-rig.js';

export const USAGE: Usage = {
  inputTokens: 100,
  outputTokens: 10,
  cachedInputTokens: 40,
  cacheWriteInputTokens: 20,
  reasoningTokens: 3,
};

/** Answers this text at once. */
export const answers =
  (text: string, usage: Usage | null = USAGE): Turn =>
  () => ({
    body: JSON.stringify({ choices: [{ message: { content: text } }] }),
    usage,
    ttftMs: null,
    rateLimits: null,
  });

/** Fails with an error of this class. */
export const fails =
  (errorClass: ErrorClass, options: Partial<ProviderErrorOptions> = {}): Turn =>
  () => {
    throw new ProviderError(errorClass, `upstream: ${errorClass}`, { code: 'upstream', status: 500, ...options });
  };

/** Streams these pieces, then does what comes next. */
export const streams =
  (pieces: readonly string[], then: Turn): Turn =>
  (call) => {
    for (const content of pieces) {
      call.onDelta?.({ choices: [{ index: 0, delta: { content } }], envelope: { id: 'chatcmpl-1' } });
    }
    return then(call);
  };

/** Does not answer until the call is aborted, as an adapter whose connection is dropped then. */
export const hangs: Turn = (call) =>
  new Promise((_resolve, reject) => {
    const give = (): void => reject(call.signal.reason as Error);
    call.signal.addEventListener('abort', give, { once: true });
    if (call.signal.aborted) give();
  });

/** Answers held back until `open` is called; `waiting` tells how many there are. */
export class Gate {
  private readonly waiters: (() => void)[] = [];

  get waiting(): number {
    return this.waiters.length;
  }

  readonly turn =
    (then: Turn): Turn =>
    async (call) => {
      await new Promise<void>((resolve) => this.waiters.push(resolve));
      return then(call);
    };

  /** Lets the oldest `count` go on. */
  open(count = Infinity): void {
    for (const go of this.waiters.splice(0, count)) go();
  }
}
