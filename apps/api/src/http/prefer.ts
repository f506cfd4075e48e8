import { TokenhubError } from '#contracts/error-catalogue.js';

/** What of RFC 7240's `Prefer` is understood; the rest is ignored, as the RFC wants. */
export interface Preferences {
  /** `wait=N`: whole seconds. */
  waitS: number | null;
  respondAsync: boolean;
}

const LONGEST_WAIT_S = 60;

/** Reads the `Prefer` header; a `wait` that is not between 1 and 60 is brought within these bounds, one that is no number is ignored. */
export function parsePrefer(header: string | string[] | undefined): Preferences {
  const preferences: Preferences = { waitS: null, respondAsync: false };
  if (header === undefined) return preferences;
  for (const part of String(header).split(',')) {
    // Parameters of a preference (`wait=5; foo=bar`) say nothing to us; values may be quoted.
    const [, name, value] = /^\s*([^\s=;]+)(?:\s*=\s*"?(\d+)"?)?\s*(?:;|$)/.exec(part) ?? [];
    if (name?.toLowerCase() === 'respond-async') preferences.respondAsync = true;
    // Of a preference given twice, the first counts.
    if (name?.toLowerCase() === 'wait' && value !== undefined) {
      preferences.waitS ??= Math.min(Math.max(Number(value), 1), LONGEST_WAIT_S);
    }
  }
  return preferences;
}

/** Reads `?wait=N`; throws `invalid_value` for anything but whole seconds from 1 to 60. */
export function parseWait(value: unknown): number | null {
  if (value === undefined) return null;
  const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(seconds >= 1 && seconds <= LONGEST_WAIT_S)) {
    throw new TokenhubError('invalid_value', `wait must be whole seconds from 1 to ${LONGEST_WAIT_S}.`, {
      param: 'wait',
    });
  }
  return seconds;
}
