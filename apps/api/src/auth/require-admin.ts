import type { IncomingHttpHeaders } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { AdminToken } from './admin-token.js';
import { bearerOf } from './bearer.js';

/**
 * Lets only the administrator through: the token as Bearer, or as the password of HTTP Basic with any user name, so that a
 * browser can be used before there is a sign-in page. Never in the URL.
 */
export function requireAdmin(token: AdminToken) {
  return (request: Request, _response: Response, next: NextFunction): void => {
    try {
      checkAdmin(token, request.headers);
      next();
    } catch (error) {
      next(error);
    }
  };
}

/** Throws unless the request is the administrator's. */
export function checkAdmin(token: AdminToken, headers: IncomingHttpHeaders): void {
  const presented = bearerOf(headers) ?? basicPasswordOf(headers);
  if (presented !== null && token.matches(presented)) return;
  throw new TokenhubError('admin_token_required', 'Send the admin token as Bearer, or as the password of HTTP Basic.', {
    headers: { 'www-authenticate': 'Basic realm="Tokenhub admin", charset="UTF-8"' },
  });
}

function basicPasswordOf(headers: IncomingHttpHeaders): string | null {
  const match = /^basic\s+([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? '');
  if (!match?.[1]) return null;
  const decoded = Buffer.from(match[1], 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon < 0 ? null : decoded.slice(colon + 1);
}
