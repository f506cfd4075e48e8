import type { IncomingMessage } from 'node:http';
import { isJsonObject, type JsonObject } from '#contracts/json.js';

const MAX_BODY_BYTES = 100 * 1024 * 1024;

/** Hands over the body as text, or null past the limit. A client that leaves before its end is never answered. */
export function readBody(request: IncomingMessage, done: (text: string | null) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) {
      chunks.push(chunk);
    }
  });
  request.on('end', () => {
    const [only] = chunks;
    const whole = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
    done(bytes > MAX_BODY_BYTES ? null : whole.toString('utf8'));
  });
}

/** The text as a JSON object; null when it is none. */
export function parsedBody(text: string | null): JsonObject | null {
  if (text === null || text === '') {
    return null;
  }
  try {
    const body: unknown = JSON.parse(text);
    return isJsonObject(body) ? body : null;
  } catch {
    // The route answers it with the vendor's own error.
    return null;
  }
}
