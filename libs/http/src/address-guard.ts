import { lookup as systemLookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { askNameServers, type Resolve } from './ask-name-servers.js';
import { HttpError } from './http-error.js';

/**
 * Keeps a client from calling what its policy does not allow. Names are resolved once per connection, by the look-up of the
 * connection itself, and every address is looked at: there is no second look-up that could answer something else.
 */
export class AddressGuard {
  constructor(
    private readonly policy: OutboundPolicy,
    private readonly resolve: Resolve = askNameServers(),
  ) {}

  /** The refusal of a URL as it is written; undefined when there is none. Sockets look nothing up for a literal address. */
  refuse(url: string): HttpError | undefined {
    const fault = this.policy.urlFault(url);
    return fault === null ? undefined : new HttpError('address_refused', `The URL ${fault}`);
  }

  /** For `net.connect`: the addresses of a host when all of them may be called, else an HttpError; after so long at the latest. */
  lookupWithin(withinMs: number): LookupFunction {
    return (host, options, done) => {
      this.addressesOf(host, withinMs).then(
        ([first, ...others]) => {
          if (first === undefined)
            done(new HttpError('connection_failed', `The host ${host} stands for no address`), []);
          else if (options.all === true) done(null, [first, ...others]);
          else done(null, first.address, first.family);
        },
        (error: unknown) => done(error as HttpError, []),
      );
    };
  }

  /** Only the operator's own names may be in the hosts file, and may cost a thread: their name servers are no stranger's. */
  private async addressesOf(host: string, withinMs: number): Promise<LookupAddress[]> {
    const name = host.replace(/\.$/, '').toLowerCase();
    const addresses = this.policy.allowsName(name)
      ? await systemLookup(host, { all: true })
      : await this.resolve(host, withinMs);
    const refused = addresses.some(({ address }) => this.policy.addressFault(address, name) !== null);
    if (refused) throw new HttpError('address_refused', 'The host stands for an address that must not be called');
    return addresses;
  }
}
