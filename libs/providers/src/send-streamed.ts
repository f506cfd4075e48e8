import type { HttpClient } from '#http/http-client.js';
import { HttpError, type HttpErrorKind } from '#http/http-error.js';
import type { HttpAnswer, HttpRequest } from '#http/http-request.js';
import type { BodyAnswer } from './provider-adapter.js';
import type { ProviderError } from './provider-error.js';
import type { StreamReader } from './stream-reader.js';

/** Sends a streamed request and resolves with the whole answer; `errorOf` names what is wrong with an answer that is no stream. */
export async function sendStreamed(
  http: HttpClient,
  request: HttpRequest,
  { reader, errorOf }: { reader: StreamReader; errorOf: (answer: HttpAnswer) => ProviderError },
): Promise<BodyAnswer> {
  const openStream = reader.open.bind(reader);
  try {
    const answer = await http.send({ ...request, openStream });
    if (!reader.isOpen) throw errorOf(answer);
  } catch (error) {
    const isBroken = error instanceof HttpError && HARMLESS_WHEN_WHOLE.has(error.kind);
    if (!isBroken || !reader.isWhole) throw error;
  }
  return reader.end();
}

/** Ways for a connection to end that take nothing away once the answer is whole; failing over then would bill it twice. */
const HARMLESS_WHEN_WHOLE: ReadonlySet<HttpErrorKind> = new Set(['reset', 'idle_timeout', 'deadline']);
