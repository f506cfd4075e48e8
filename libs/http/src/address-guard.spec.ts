import type { LookupAddress } from 'node:dns';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { NameServer } from '#testing/name-server.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { AddressGuard } from './address-guard.js';
import { askNameServers } from './ask-name-servers.js';
import { HttpClient } from './http-client.js';
import { HttpError } from './http-error.js';
import type { HttpAnswer, HttpRequest } from './http-request.js';

/*
 * 127.0.0.2 stands for a public host: it alone is allowed by address, and `public.test` by name only so that plain http may be
 * used. 127.0.0.1 stands for the private network.
 */
const PUBLIC = '127.0.0.2';
const PRIVATE = '127.0.0.1';

let outside: WebhookReceiver;
let inside: WebhookReceiver;
let client: HttpClient;
let looked: string[];

beforeEach(async () => {
  outside = await WebhookReceiver.start(PUBLIC);
  inside = await WebhookReceiver.start(PRIVATE, outside.port);
});

afterEach(async () => {
  await client.close();
  await Promise.all([outside.stop(), inside.stop()]);
});

/** A client whose name server gives these answers, one after the other, the last for ever. */
function clientWith(...answers: (string[] | Error)[]): void {
  looked = [];
  const policy = new PlainHttpPolicy([PUBLIC]);
  const guard = new AddressGuard(policy, (host) => {
    const answer = answers[Math.min(looked.length, answers.length - 1)] ?? [];
    looked.push(host);
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve(
      answer.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  });
  // No connection is kept: each call opens its own, as it would hours later.
  client = new HttpClient({ guard, keepAliveMs: 1 });
}

/** Strict about addresses; only the scheme and the port are left free, since the receivers here have no certificate. */
class PlainHttpPolicy extends OutboundPolicy {
  override urlFault(url: string): string | null {
    return url.startsWith('http://public.test:') ? null : super.urlFault(url);
  }
}

function send(
  url = `http://public.test:${outside.port}/hook`,
  changes: Partial<HttpRequest> = {},
): Promise<HttpAnswer> {
  return client.send({
    method: 'POST',
    url,
    headers: { connection: 'close' },
    body: '{}',
    connectMs: 2_000,
    wait: { kind: 'answer', ms: 5_000 },
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  });
}

const heard = (): number[] => [outside.received.length, inside.received.length];

describe('a name', () => {
  it('that stands for a public address is called there, looked up once', async () => {
    clientWith([PUBLIC]);
    expect((await send()).status).toBe(204);
    expect([looked, heard()]).toEqual([['public.test'], [1, 0]]);
  });

  it('that stands for something else on the second look-up reaches nothing private', async () => {
    clientWith([PUBLIC], [PRIVATE]);
    expect((await send()).status).toBe(204);
    expect(looked).toHaveLength(1);
    await expect(send()).rejects.toMatchObject({ kind: 'address_refused' });
    expect([looked.length, heard()]).toEqual([2, [1, 0]]);
  });

  it.each([
    ['one private among public ones', [PUBLIC, PRIVATE]],
    ['the private one first', [PRIVATE, PUBLIC]],
    ['a private one in IPv6 clothes', [PUBLIC, '::ffff:127.0.0.1']],
    ['NAT64 of a private one', ['64:ff9b::7f00:1']],
    ['metadata', ['169.254.169.254']],
    ['the other metadata', ['fd00:ec2::254']],
    ['what is no address', ['nonsense']],
  ])('with %s is not called at all', async (_what, addresses) => {
    clientWith(addresses);
    await expect(send()).rejects.toMatchObject({ kind: 'address_refused' });
    expect(heard()).toEqual([0, 0]);
  });

  it.each([
    ['is not known', 'connection_failed', new HttpError('connection_failed', 'The host stands for no address')],
    ['nobody answers for', 'connect_timeout', new HttpError('connect_timeout', 'No name server answered')],
    ['stands for nothing', 'connection_failed', []],
  ])('that %s fails as %s', async (_what, kind, answer) => {
    clientWith(answer);
    await expect(send()).rejects.toMatchObject({ kind });
  });
});

describe('a look-up', () => {
  beforeEach(() => clientWith([PUBLIC]));

  /** What the process has under way once a guard, as production makes it, was asked for a host. */
  async function underWay(allow: string[], host: string): Promise<string[]> {
    const found = Promise.withResolvers<unknown>();
    new AddressGuard(new OutboundPolicy(allow)).lookupWithin(50)(host, { all: true }, found.resolve);
    const resources = process.getActiveResourcesInfo();
    await found.promise;
    return resources;
  }

  it('of a stranger’s name takes none of the threads that all other look-ups need', async () => {
    expect(await underWay([], 'hooks.test')).not.toContain('GetAddrInfoReqWrap');
  });

  it('of a name that the operator allows is the system’s, which knows the hosts file', async () => {
    expect(await underWay(['localhost'], 'localhost')).toContain('GetAddrInfoReqWrap');
    client = new HttpClient({ guard: new AddressGuard(new OutboundPolicy(['localhost'])), keepAliveMs: 1 });
    expect((await send(`http://localhost:${inside.port}/hook`)).status).toBe(204);
    expect(heard()).toEqual([0, 1]);
  });

  it('that is not answered ends with the time that the connection has', async () => {
    const silent = await NameServer.start({ 'public.test': 'silence' });
    const guard = new AddressGuard(new PlainHttpPolicy([PUBLIC]), askNameServers([silent.address]));
    client = new HttpClient({ guard, keepAliveMs: 1 });
    await expect(send(undefined, { connectMs: 300 })).rejects.toMatchObject({ kind: 'connect_timeout' });
    await silent.stop();
  });
});

describe('a literal address', () => {
  it.each(['http://127.0.0.1', 'https://127.0.0.1', 'https://2130706433', 'https://[::ffff:7f00:1]', 'https://[::1]'])(
    '%s is refused before a socket is opened',
    async (origin) => {
      clientWith([PUBLIC]);
      await expect(send(`${origin}:${inside.port}/`)).rejects.toMatchObject({ kind: 'address_refused' });
      expect([looked, heard()]).toEqual([[], [0, 0]]);
    },
  );
});

it('a body is cut where the call says, and the answer keeps its status', async () => {
  clientWith([PUBLIC]);
  outside.answer('/hook', (response) => response.writeHead(200).end(Buffer.alloc(1_000_000, 'x')));
  const answer = await send(undefined, { cutBodyAt: 1_000 });
  expect([answer.status, answer.body.length]).toEqual([200, 1_000]);
});
