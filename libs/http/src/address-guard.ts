import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { HttpError } from './http-error.js';

/** Every address that a host name stands for at this moment. */
export type Resolve = (host: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

/**
 * Keeps a client from calling what its policy does not allow. Names are resolved once per connection, by the look-up of the
 * connection itself, and every address is looked at: there is no second look-up that could answer something else.
 */
export class AddressGuard {
  constructor(
    private readonly policy: OutboundPolicy,
    private readonly resolve: Resolve = (host, done) => systemLookup(host, { all: true }, done),
  ) {}

  /** The refusal of a URL as it is written; undefined when there is none. Sockets look nothing up for a literal address. */
  refuse(url: string): HttpError | undefined {
    const fault = this.policy.urlFault(url);
    return fault === null ? undefined : new HttpError('address_refused', `The URL ${fault}`);
  }

  /** For `net.connect`: the addresses of a host when all of them may be called, else an HttpError. */
  readonly lookup: LookupFunction = (host, options, done) => {
    this.resolve(host, (error, addresses) => {
      const refused = error ?? this.refuseAny(host, addresses);
      const [first] = addresses;
      if (refused !== null || first === undefined) done(refused ?? nothing(host), []);
      else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };

  private refuseAny(host: string, addresses: readonly LookupAddress[]): HttpError | null {
    const name = host.replace(/\.$/, '').toLowerCase();
    const refused = addresses.some(({ address }) => this.policy.addressFault(address, name) !== null);
    return refused ? new HttpError('address_refused', 'The host stands for an address that must not be called') : null;
  }
}

function nothing(host: string): HttpError {
  return new HttpError('connection_failed', `The host ${host} stands for no address`);
}
