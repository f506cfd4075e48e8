/** Long enough for any provider's explanation, short enough to keep on every attempt. */
const LONGEST_MESSAGE = 2000;

/** Keys as vendors and Tokenhub write them, whole or shortened with stars or dots, and bearer values of any shape. */
const KEY_LIKE = /\b(?:sk|rk|pk|th|whsec)[-_][\w*.…-]{3,}|\bBearer\s+[^\s"',]+/gi;

/** The text without the credential, without anything that looks like a key, and cut to 2,000 characters. */
export function redact(text: string, credential: string | null): string {
  const known = credential ? text.replaceAll(credential, '[redacted]') : text;
  return known.replace(KEY_LIKE, '[redacted]').slice(0, LONGEST_MESSAGE);
}
