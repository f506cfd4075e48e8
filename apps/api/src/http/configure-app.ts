import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER } from '#platform/platform.module.js';
import { foreignHost } from '../auth/loopback-only.js';
import { ErrorFilter } from './error.filter.js';
import { readJsonBody } from './json-body.js';
import { guardPages } from './page-policies.js';
import { assignRequestId } from './request-id.js';

/** The HTTP side that all routes share: ids, safety headers, body limits, error answers. */
export function configureApp(app: NestExpressApplication, config: TokenhubConfig): void {
  app.disable('x-powered-by');
  // Hashing each answer for a conditional GET that nobody makes costs more than it saves.
  app.set('etag', false);
  app.set('trust proxy', [...config.server.trustedProxies]);
  app.use(admit(config));
  app.use(['/docs', '/admin'], guardPages(config.server.bodyLimitBytes));
  app.use(readJsonBody(config.server.bodyLimitBytes));
  app.useGlobalFilters(new ErrorFilter(app.get<Logger>(LOGGER)));
}

/** What every request passes first, in one step: each middleware of its own costs another walk through the router. */
function admit(config: TokenhubConfig): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    assignRequestId(response);
    response.setHeader('x-content-type-options', 'nosniff');
    const refusal = (config.auth === 'off' ? foreignHost(request.headers) : null) ?? notJson(request);
    next(refusal ?? undefined);
  };
}

/** A body of another type is refused here: the parser then takes whatever has come this far for JSON. */
function notJson({ headers, method }: Request): TokenhubError | null {
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return null;
  const type = headers['content-type'] ?? '';
  if (/^application\/json\s*(;|$)/i.test(type)) return null;
  if (method === 'PATCH' && /^application\/merge-patch\+json\s*(;|$)/i.test(type)) return null;
  return new TokenhubError(
    'unsupported_media_type',
    'Send the body as application/json (curl: -H "content-type: application/json").',
  );
}
