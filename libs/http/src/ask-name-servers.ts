import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { HttpError } from './http-error.js';

/** The addresses that a host name stands for at this moment; rejects with an HttpError, within the time. */
export type Resolve = (host: string, withinMs: number) => Promise<LookupAddress[]>;

/** A question is put again, or to the next server, when no answer has come for so long; with one server, then after twice as long. */
const ASK_AGAIN_MS = 500;

/** Once there are addresses of one family: some name servers are silent about the other. */
const OTHER_FAMILY_MS = 2 * ASK_AGAIN_MS;

/** IPv4 and IPv6 each. Sockets try an address for 250 ms: to thousands no connection gets, and judging them would cost. */
const MOST_ADDRESSES = 16;

/** What c-ares says when nobody answered: its own tries were over, or our time was. */
const UNANSWERED = new Set(['ETIMEOUT', 'ECANCELLED']);

/**
 * Looks a name up at the name servers of the machine (or at these), over sockets of its own: the system's look-up would keep one
 * of libuv's few threads for as long as a stranger's name servers like, and every other look-up of the process behind it.
 * It knows neither the hosts file nor search domains.
 */
export function askNameServers(servers?: readonly string[]): Resolve {
  return async (host, withinMs) => {
    // Its own for each look-up: cancelling ends all that a resolver was asked.
    const resolver = new Resolver({ timeout: ASK_AGAIN_MS, tries: Math.ceil(withinMs / ASK_AGAIN_MS) });
    if (servers) resolver.setServers(servers);
    const questions = [resolver.resolve4(host), resolver.resolve6(host)];
    const atLatest = setTimeout(() => resolver.cancel(), withinMs);
    await Promise.any(questions).catch(() => undefined);
    const soon = setTimeout(() => resolver.cancel(), OTHER_FAMILY_MS);
    const answers = await Promise.allSettled(questions);
    clearTimeout(atLatest);
    clearTimeout(soon);
    const addresses = answers.flatMap((answer, i) =>
      answer.status === 'fulfilled'
        ? answer.value.slice(0, MOST_ADDRESSES).map((address) => ({ address, family: i === 0 ? 4 : 6 }))
        : [],
    );
    if (addresses.length > 0) return addresses;
    throw unresolved(host, answers);
  };
}

/** What a name server refuses must not read as if the receiver had refused it. */
function unresolved(host: string, answers: readonly PromiseSettledResult<unknown>[]): HttpError {
  const causes = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  const unanswered = causes.find((cause) => UNANSWERED.has((cause as NodeJS.ErrnoException).code ?? ''));
  return unanswered === undefined
    ? new HttpError('connection_failed', `The host ${host} stands for no address`, { cause: causes[0] })
    : new HttpError('connect_timeout', `No name server answered for the host ${host}`, { cause: unanswered });
}
