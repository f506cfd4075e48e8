/** A failure that the person at the terminal can do something about: shown as its message, without a stack. */
export class ExpectedError extends Error {
  override readonly name = 'ExpectedError';
}

export interface Steps {
  /** Says what begins, does it, says what came of it and how long it took. Errors pass through. */
  step: <T>(title: string, work: () => T | Promise<T>, said?: (value: T) => string) => Promise<T>;
  say: (line: string) => void;
}

/** Progress for a person, one line at a time, so that a log file reads the same as a terminal. */
export function createSteps(write: (line: string) => void): Steps {
  return {
    say: write,
    step: async (title, work, said) => {
      write(`▸ ${title}`);
      const startedAt = performance.now();
      const value = await work();
      const outcome = said?.(value) ?? 'done';
      write(`  ✓ ${outcome} (${seconds(performance.now() - startedAt)})`);
      return value;
    },
  };
}

/** Milliseconds as "0.4 s", from ten seconds on as "12 s". */
export function seconds(ms: number): string {
  const value = ms / 1000;
  return `${value.toFixed(value < 10 ? 1 : 0)} s`;
}

/** Shows an error as its kind deserves, and gives the exit code for it. */
export function reportFailure(error: unknown): number {
  const text =
    error instanceof ExpectedError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  console.error(`✗ ${text}`);
  return 1;
}
