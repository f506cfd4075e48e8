import type { NestExpressApplication } from '@nestjs/platform-express';
import { json, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER } from '#platform/platform.module.js';
import { refuseForeignHosts } from '../auth/loopback-only.js';
import { ErrorFilter } from './error.filter.js';
import { assignRequestId } from './request-id.js';

/** The HTTP side that all routes share: ids, safety headers, body limits, error answers. */
export function configureApp(app: NestExpressApplication, config: TokenhubConfig): void {
  app.disable('x-powered-by');
  // Hashing each answer for a conditional GET that nobody makes costs more than it saves.
  app.set('etag', false);
  app.use(assignRequestId);
  if (config.auth === 'off') app.use(refuseForeignHosts);
  // Pages get the whole set of safety headers; for JSON that no browser renders, one of them matters.
  app.use(['/docs', '/admin'], helmet());
  app.use('/v1', (_request: Request, response: Response, next: NextFunction) => {
    response.setHeader('x-content-type-options', 'nosniff');
    next();
  });
  app.use(requireJson);
  app.use(json({ limit: config.server.bodyLimitBytes, type: 'application/json', strict: true }));
  app.useGlobalFilters(new ErrorFilter(app.get<Logger>(LOGGER)));
}

/** A body of another type would be ignored by the parser and reported as missing fields. */
function requireJson(request: Request, _response: Response, next: NextFunction): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && !request.is('application/json')) {
    next(
      new TokenhubError(
        'unsupported_media_type',
        'Send the body as application/json (curl: -H "content-type: application/json").',
      ),
    );
    return;
  }
  next();
}
