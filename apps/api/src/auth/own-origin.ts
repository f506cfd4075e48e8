import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a browser's request comes from a page of this very origin; null when nothing says where it comes from. What browsers say
 * in `Sec-Fetch-Site` no page can change, and it holds behind a proxy that names another host; it is only sent over https and to the
 * loopback. `Origin` is compared with the host that was asked.
 */
export function isOwnOrigin(headers: IncomingHttpHeaders): boolean | null {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const { origin, host } = headers;
  if (origin === undefined) return null;
  const page = URL.parse(origin)?.host;
  return page !== undefined && page === URL.parse(`http://${host ?? ''}`)?.host;
}
