import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What one subscriber of IPv6 is given at least. */
const SUBSCRIBER_BITS = 64;

/**
 * What a client of this address is counted as: an IPv4 address itself (also as IPv6 writes it), of IPv6 the block of which a single
 * client has all addresses. What is no address is counted as one client.
 */
export function addressBlock(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (isIP(bare) === 0) return 'unknown';
  const parsed = ipaddr.process(bare);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toString()}/${SUBSCRIBER_BITS}`).toString()}/${SUBSCRIBER_BITS}`;
}
