import { json, type RequestHandler } from 'express';
import { isNestedDeeper } from '#contracts/json-depth.js';
import { TokenhubError } from '#contracts/error-catalogue.js';

/** Deeper than any real request (OpenAI's JSON schemas end at 10 levels); V8's `JSON.stringify` gives up at a few thousand. */
const DEEPEST = 200;

/** Reads a JSON body into `request.body`, whatever its content type says; what cannot be read is refused in Tokenhub's own words. */
export function readJsonBody(limitBytes: number): RequestHandler {
  // Not strict: `null` or a text is valid JSON, and the routes say themselves that they want an object.
  const parse = json({
    ...{ limit: limitBytes, type: () => true, strict: false },
    // Sixteen kilobytes of a stranger's would become sixteen megabytes of ours before anybody has asked for a key.
    inflate: false,
    // Before it is parsed: ten million brackets would hold up every other request for a second.
    verify: (_request, _response, body, encoding) => {
      if (encoding !== 'utf-8') throw refusal('encoding.refused');
      if (isNestedDeeper(body.toString('latin1'), DEEPEST)) throw refusal('entity.too.deep');
    },
  });
  return (request, response, next) => {
    parse(request, response, (error: unknown) => {
      if (error === undefined) next();
      else next(explain(error));
    });
  };
}

/** Nest turns the parser's errors into its own before any filter sees them: their type would be lost. */
function explain(error: unknown): unknown {
  const { type, limit, message } = error as { type?: unknown; limit?: number; message?: string };
  switch (type) {
    case 'entity.too.large':
      return new TokenhubError('body_too_large', `The body is larger than the limit of ${limit} bytes.`, {
        cause: error,
      });
    // Without a cause: the parser has hung the body on it.
    case 'entity.too.deep':
      return tooDeep();
    case 'encoding.unsupported':
      return new TokenhubError('unsupported_media_type', 'Send the body as it is, without content-encoding.');
    case 'encoding.refused':
      return new TokenhubError('unsupported_media_type', 'Send JSON in UTF-8 (RFC 8259).');
    case 'entity.parse.failed': {
      // Without a cause, and with the place alone: the parser's own words repeat the body, which may hold a secret.
      const place = /at position \d+/.exec(message ?? '')?.[0];
      return new TokenhubError(
        'invalid_json',
        `The body is not valid JSON${place === undefined ? '' : ` (${place})`}.`,
      );
    }
    default:
      return error;
  }
}

/** An error that the parser passes on by its type. */
function refusal(type: 'encoding.refused' | 'entity.too.deep'): Error {
  return Object.assign(new Error(type), { type });
}

function tooDeep(): TokenhubError {
  return new TokenhubError('invalid_value', `The body is nested deeper than ${DEEPEST} levels.`);
}
