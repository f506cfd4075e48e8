import type { IncomingHttpHeaders } from 'node:http';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { isLoopbackHost } from '#platform/config/loopback.js';

/**
 * Without authentication, a web page must not be able to use a visitor's own Tokenhub: a request must name a loopback host
 * (against DNS rebinding) and must not come from a page of another origin. Null when the request is in order.
 */
export function foreignHost({ host = '', origin }: IncomingHttpHeaders): TokenhubError | null {
  if (!isLoopbackUrl(`http://${host}`)) {
    return new TokenhubError(
      'host_not_allowed',
      `TOKENHUB_AUTH is off: the Host header must be a loopback name, not "${host}".`,
    );
  }
  if (origin !== undefined && !isLoopbackUrl(origin)) {
    return new TokenhubError('host_not_allowed', `TOKENHUB_AUTH is off: requests from pages of ${origin} are refused.`);
  }
  return null;
}

// Clients of a loopback server send the same few values again and again.
const judged = new Map<string, boolean>();
const MOST_JUDGED = 100;

function isLoopbackUrl(text: string): boolean {
  const known = judged.get(text);
  if (known !== undefined) return known;
  const url = URL.parse(text);
  // Nothing but a host and a port: `evil.com@localhost` is no loopback name.
  const bare =
    url !== null && url.username === '' && url.password === '' && `${url.pathname}${url.search}${url.hash}` === '/';
  const loopback = bare && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''));
  if (judged.size < MOST_JUDGED) judged.set(text, loopback);
  return loopback;
}
