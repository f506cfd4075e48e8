import { json, type RequestHandler } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';

/** Deeper than any real request (OpenAI's JSON schemas end at 10 levels); V8's `JSON.stringify` gives up at a few thousand. */
const DEEPEST = 200;

/** Reads a JSON body into `request.body`, whatever its content type says; what cannot be read is refused in Tokenhub's own words. */
export function readJsonBody(limitBytes: number): RequestHandler {
  // Not strict: `null` or a text is valid JSON, and the routes say themselves that they want an object.
  const parse = json({ limit: limitBytes, type: () => true, strict: false });
  return (request, response, next) => {
    parse(request, response, (error: unknown) => {
      if (error !== undefined) next(explain(error));
      else if (isDeeperThan(request.body, DEEPEST)) next(tooDeep());
      else next();
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

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isDeeperThan(child, levels - 1));
}

function tooDeep(): TokenhubError {
  return new TokenhubError('invalid_value', `The body is nested deeper than ${DEEPEST} levels.`);
}
