import { BlockList, isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Ports that a public receiver may listen on. */
const PUBLIC_PORTS = ['', '443', '8443'];

/**
 * Where clouds answer with a machine's own credentials: AWS, ECS, Azure, Alibaba, Oracle; some lie in public ranges. No
 * allowance opens them.
 */
const METADATA = new Set([
  ...['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200', '192.0.0.192'],
  ...['fd00:ec2::254', 'fd20:ce::254'],
]);

/** What is allocated for the public internet; everything else in IPv6 is special, local or not in use. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * Which URLs and addresses a stranger may have us call: public https alone, beside the host names, addresses and subnets that
 * the operator allows for development.
 */
export class OutboundPolicy {
  private readonly names = new Set<string>();
  private readonly subnets = new BlockList();

  /** Throws a RangeError for an entry that is neither a host name, an address nor a subnet in CIDR form. */
  constructor(allow: readonly string[] = []) {
    for (const entry of allow) this.allow(entry);
  }

  /** What is wrong with a URL as it is written, in words that complete "the URL …"; null when nothing is. */
  urlFault(text: string): string | null {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null) return 'is not a URL';
    const host = hostOf(url);
    const allowed = this.allowsHost(host);
    if (url.protocol !== 'https:' && !(allowed && url.protocol === 'http:')) return 'must be https';
    if (url.username !== '' || url.password !== '') return 'must not carry a user name or password';
    if (url.hash !== '') return 'must not have a fragment';
    if (!allowed && !PUBLIC_PORTS.includes(url.port)) return 'must use port 443 or 8443';
    if (isIP(host) !== 0) return this.addressFault(host, host) && 'must not name a private address';
    if (!allowed && /(^|\.)localhost$/.test(host)) return 'must not name a private host';
    return null;
  }

  /** Why an address that a host name stands for must not be called; null when it may. Fails closed: what is not understood may not. */
  addressFault(address: string, host: string): string | null {
    const parsed = isIP(address) === 0 ? null : unmapped(ipaddr.parse(address));
    if (parsed === null) return 'not an address';
    if (METADATA.has(parsed.toString())) return 'metadata';
    if (this.allowsName(host) || this.allowsAddress(parsed.toString())) return null;
    if (parsed instanceof ipaddr.IPv6) {
      const embedded = parsed.match(NAT64) ? lastFour(parsed) : null;
      if (embedded !== null) return this.addressFault(embedded.toString(), host);
      if (!parsed.match(GLOBAL_UNICAST)) return parsed.range() === 'unicast' ? 'reserved' : parsed.range();
    }
    const range = parsed.range();
    return range === 'unicast' ? null : range;
  }

  /** True for a host name that the operator allows by itself, whatever it stands for. */
  allowsName(host: string): boolean {
    return this.names.has(host);
  }

  private allow(entry: string): void {
    const [address = '', prefix, ...rest] = entry.split('/');
    const family = isIP(address);
    const type = family === 6 ? 'ipv6' : 'ipv4';
    if (family === 0) {
      if (prefix !== undefined || !/^[a-z0-9_]([a-z0-9._-]*[a-z0-9])?$/i.test(address)) throw new RangeError(entry);
      this.names.add(address.toLowerCase());
    } else if (prefix === undefined) {
      this.subnets.addAddress(address, type);
    } else {
      const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
      if (rest.length > 0 || !(bits <= (family === 6 ? 128 : 32))) throw new RangeError(entry);
      this.subnets.addSubnet(address, bits, type);
    }
  }

  private allowsHost(host: string): boolean {
    return isIP(host) === 0 ? this.allowsName(host) : this.allowsAddress(host);
  }

  private allowsAddress(address: string): boolean {
    return this.subnets.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** A URL's host as DNS and sockets take it: without brackets, and without the dot of the root. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** An IPv4 address in IPv6 clothes reaches the IPv4 host. */
function unmapped(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function lastFour(address: ipaddr.IPv6): ipaddr.IPv4 {
  return new ipaddr.IPv4(address.toByteArray().slice(12));
}
