import type { NextFunction, Request, Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { isLoopbackHost } from '#platform/config/loopback.js';

/**
 * Without authentication, a web page must not be able to use a visitor's own Tokenhub: a request must name a loopback host
 * (against DNS rebinding) and must not come from a page of another origin.
 */
export function refuseForeignHosts(request: Request, _response: Response, next: NextFunction): void {
  const host = request.headers.host ?? '';
  const origin = request.headers.origin;
  if (!isLoopbackAuthority(host)) {
    next(
      new TokenhubError(
        'host_not_allowed',
        `TOKENHUB_AUTH is off: the Host header must be a loopback name, not "${host}".`,
      ),
    );
  } else if (origin !== undefined && !isLoopbackOrigin(origin)) {
    next(new TokenhubError('host_not_allowed', `TOKENHUB_AUTH is off: requests from pages of ${origin} are refused.`));
  } else {
    next();
  }
}

function isLoopbackAuthority(authority: string): boolean {
  const url = URL.parse(`http://${authority}`);
  return url !== null && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
}

function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin);
  return url !== null && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
}
