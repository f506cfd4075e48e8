import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';

/**
 * Over https a name that browsers accept from this very host alone, so that no neighbouring one can plant a session; it demands the
 * path `/`. Over plain http, which has no such protection, an ordinary one that is sent to the administration alone.
 */
const HOST_ONLY = '__Host-tokenhub-admin';
const PLAIN = 'tokenhub-admin';

/** The id of the session that a request presents, or null. */
export function sessionIdOf(request: Request): string | null {
  const cookies = parseCookie(request.headers.cookie ?? '');
  return cookies[HOST_ONLY] ?? (request.secure ? null : cookies[PLAIN]) ?? null;
}

/** Gives the browser a session; it forgets it when it is closed, and never shows it to a script. */
export function setSessionCookie(request: Request, response: Response, id: string): void {
  const https = isHttps(request);
  response.cookie(https ? HOST_ONLY : PLAIN, id, attributes(https));
}

/** Has the browser forget its session, under both names. */
export function clearSessionCookie(response: Response): void {
  response.clearCookie(PLAIN, attributes(false));
  response.clearCookie(HOST_ONLY, attributes(true));
}

function attributes(https: boolean): CookieOptions {
  return { httpOnly: true, sameSite: 'strict', secure: https, path: https ? '/' : '/admin' };
}

/** A browser says itself how it reached us; behind a proxy that is not known as one the connection says otherwise. */
function isHttps(request: Request): boolean {
  return request.secure || (request.headers.origin?.startsWith('https://') ?? false);
}
