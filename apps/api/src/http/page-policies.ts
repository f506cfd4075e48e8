import type { NextFunction, Request, RequestHandler, Response } from 'express';
import helmet, { type HelmetOptions } from 'helmet';
import { readJsonBody } from './json-body.js';

/** What an administrator sends is small; what strangers send to the administration should be refused early. */
const ADMIN_BODY_BYTES = 1_048_576;

type Directives = Record<string, Iterable<string>>;

/** Nothing but what a page names itself, and nobody may frame it. */
const NOTHING: Directives = {
  'default-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};
const OWN: Directives = {
  ...NOTHING,
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'connect-src': ["'self'"],
  'img-src': ["'self'"],
};

/** The page of the administration, and what the admin API answers. */
const ADMIN_POLICY: Directives = OWN;

/** The board names its own folder as base; its components set styles in the page as they are drawn. */
const BOARD_POLICY: Directives = {
  ...OWN,
  'base-uri': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
};

/** Swagger's page has its styles and pictures in itself; its requests go to this server. */
const DOCS_POLICY: Directives = {
  ...OWN,
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
};

/**
 * The safety headers of what a browser renders, by area; JSON for programs has `nosniff`, which is the one that matters there. What the
 * administration answers is kept by no cache, and its bodies are small.
 */
export function guardPages(bodyLimitBytes: number): RequestHandler {
  const headers = { admin: policy(ADMIN_POLICY), board: policy(BOARD_POLICY), docs: policy(DOCS_POLICY) };
  const readBody = readJsonBody(Math.min(bodyLimitBytes, ADMIN_BODY_BYTES));
  return (request: Request, response: Response, next: NextFunction) => {
    // Paths are matched in any case, as Express does.
    const path = `${request.baseUrl}${request.path}`.toLowerCase();
    if (!path.startsWith('/admin')) {
      headers.docs(request, response, next);
      return;
    }
    const board = /^\/admin\/queues(\/|$)/.test(path);
    // The board's own files have no secrets, and the hash of their content in their names.
    if (!path.startsWith('/admin/queues/static/')) response.setHeader('cache-control', 'no-store');
    headers[board ? 'board' : 'admin'](request, response, (error?: unknown) => {
      if (error === undefined) readBody(request, response, next);
      else next(error);
    });
  };
}

/** Works over plain HTTP too; who serves https for one host decides alone for its neighbours. */
function policy(directives: Directives): ReturnType<typeof helmet> {
  const options: HelmetOptions = {
    contentSecurityPolicy: { useDefaults: false, directives },
    frameguard: { action: 'deny' },
    strictTransportSecurity: { includeSubDomains: false },
  };
  return helmet(options);
}
