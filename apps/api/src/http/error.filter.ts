import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import type { Logger } from '#platform/logging.js';
import { isStoreUnavailable } from '#platform/redis.js';
import type { AdminRequest } from '../auth/admin-actor.js';
import { RefusedAdmins } from '../auth/refused-admins.js';
import { codeOfStatus, dialectOf, errorResponse, openAiError } from './error-response.js';
import { requestIdOf } from './request-id.js';

const STORE_RETRY_AFTER_S = 2;

/** What whoever is not the administrator is answered at the admin door. */
const DOOR_CODES = new Set<ErrorCode>(['admin_token_required', 'session_ended', 'csrf_refused', 'rate_limit_exceeded']);

/** Every error of every route ends here and is answered in the route's dialect; only what is ours to mend is logged as an error. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly refused: RefusedAdmins;

  constructor(private readonly logger: Logger) {
    this.refused = new RefusedAdmins(logger);
  }

  catch(cause: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const error = toTokenhubError(cause, request);
    const requestId = requestIdOf(response);
    if (error.code === 'internal_error') {
      this.logger.error({ err: cause, requestId, method: request.method, path: request.path }, 'request failed');
    } else if (error.status >= 500) {
      this.logger.warn({ code: error.code, requestId, path: request.path, reason: error.message }, 'request failed');
    }
    // Whoever guesses is counted, not audited: anybody can be refused, as often as they like.
    if (isAdminPath(request.path) && isOutside(request) && DOOR_CODES.has(error.code)) {
      this.refused.add(error.code, request.ip);
    }
    if (response.headersSent) {
      // A stream is under way: its error is its last event.
      response.end(response.writableEnded ? undefined : `data: ${JSON.stringify({ error: openAiError(error) })}\n\n`);
      return;
    }
    const { status, headers, body } = errorResponse(error, { dialect: dialectOf(request.path), requestId });
    response.writeHead(status, headers);
    response.end(JSON.stringify(body));
  }
}

/** Who is in may be told to wait, too: for another password of the vault. */
function isOutside({ admin }: AdminRequest): boolean {
  return admin === undefined;
}

/** Express takes paths in any case. */
function isAdminPath(path: string): boolean {
  return /^\/admin(\/|$)/i.test(path);
}

function toTokenhubError(cause: unknown, request: Request): TokenhubError {
  if (cause instanceof TokenhubError) return cause;
  if (isStoreUnavailable(cause)) {
    return new TokenhubError('store_unavailable', 'The job store does not answer at the moment; nothing was lost.', {
      retryAfterS: STORE_RETRY_AFTER_S,
      cause,
    });
  }
  const status = cause instanceof HttpException ? cause.getStatus() : bodyParserStatus(cause);
  if (status === 404)
    return new TokenhubError('unknown_url', `There is no route ${request.method} ${request.path}.`, { cause });
  if (status !== null && status < 500) {
    return new TokenhubError(codeOfStatus(status), (cause as Error).message, { status, cause });
  }
  return new TokenhubError('internal_error', undefined, { cause });
}

/** Errors of body-parser and the router carry their HTTP status; those of others do not. */
function bodyParserStatus(cause: unknown): number | null {
  const { expose, statusCode } = (cause ?? {}) as { expose?: unknown; statusCode?: unknown };
  return expose === true && typeof statusCode === 'number' ? statusCode : null;
}
