import type { PublicError } from '#contracts/attempt.js';

/** The error of a step whose answers never had the form that was asked for, with the last of them. */
export function outputInvalid({ text, errors }: { text: string; errors: readonly string[] }): PublicError {
  return {
    code: 'output_invalid',
    message: `No model gave an answer in the form that was asked for. ${errors.slice(0, 3).join(' ')}`,
    class: null,
    providerStatus: null,
    details: { text, errors },
  };
}
