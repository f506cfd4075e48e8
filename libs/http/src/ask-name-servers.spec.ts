import { lookup as systemLookup } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '#testing/free-port.js';
import { NameServer } from '#testing/name-server.js';
import { waitFor } from '#testing/wait-for.js';
import { askNameServers, type Resolve } from './ask-name-servers.js';

const MANY = Array.from({ length: 60 }, (_, i) => `203.0.113.${i}`);

let server: NameServer;
let resolve: Resolve;

beforeEach(async () => {
  server = await NameServer.start({
    'both.test': ['203.0.113.7', '2001:db8::7', '203.0.113.8'],
    'four.test': ['203.0.113.7'],
    'six.test': ['2001:db8::7'],
    'many.test': MANY,
    'none.test': [],
    'broken.test': 'failure',
    'silent.test': 'silence',
    'half.test': { ipv4: ['203.0.113.7'], ipv6: 'silence' },
    'other-half.test': { ipv4: 'silence', ipv6: ['2001:db8::7'] },
  });
  resolve = askNameServers([server.address]);
});

afterEach(() => server.stop());

describe('a name', () => {
  it.each([
    ['both.test', ['203.0.113.7 4', '203.0.113.8 4', '2001:db8::7 6']],
    ['four.test', ['203.0.113.7 4']],
    ['six.test', ['2001:db8::7 6']],
    ['four.test.', ['203.0.113.7 4']],
  ])('%s stands for what its servers say, IPv4 first', async (name, addresses) => {
    const found = await resolve(name, 10_000);
    expect(found.map(({ address, family }) => `${address} ${family}`)).toEqual(addresses);
  });

  it.each([
    ['half.test', '203.0.113.7'],
    ['other-half.test', '2001:db8::7'],
  ])('%s whose servers are silent about one kind of address stands for the other kind', async (name, address) => {
    const since = performance.now();
    expect(await resolve(name, 60_000)).toMatchObject([{ address }]);
    expect(performance.now() - since).toBeLessThan(30_000);
  });

  it('with more addresses than a connection could try stands for the first of them', async () => {
    const found = await resolve('many.test', 10_000);
    expect(found.map(({ address }) => address)).toEqual(MANY.slice(0, 16));
  });

  it.each(['none.test', 'unknown.test', 'broken.test', 'localhost'])(
    '%s that stands for nothing cannot be connected to',
    async (name) => {
      await expect(resolve(name, 10_000)).rejects.toMatchObject({ kind: 'connection_failed' });
    },
  );

  it('is no refused connection where it is the name server that cannot be reached', async () => {
    const nobody = askNameServers([`127.0.0.1:${await freePort()}`]);
    await expect(nobody('four.test', 2_000)).rejects.toMatchObject({ kind: 'connection_failed' });
  });
});

describe('a name whose servers never answer', () => {
  it('ends as a connection that was not made in time, when its time is over', async () => {
    const since = performance.now();
    await expect(resolve('silent.test', 300)).rejects.toMatchObject({ kind: 'connect_timeout' });
    expect(performance.now() - since).toBeGreaterThan(290);
    expect(server.asked).toEqual(['silent.test', 'silent.test']);
  });

  it('is asked for again meanwhile', async () => {
    await expect(resolve('silent.test', 2_500)).rejects.toMatchObject({ kind: 'connect_timeout' });
    expect(server.asked.length).toBeGreaterThanOrEqual(4);
  });

  it('keeps no other look-up of the process waiting', async () => {
    let ended = 0;
    const lookUps = Array.from({ length: 40 }, () =>
      resolve('silent.test', 3_000).catch((error: unknown) => ((ended += 1), error)),
    );
    await waitFor(() => server.asked.length >= 80);
    expect(await systemLookup('localhost', { all: true })).not.toEqual([]);
    expect(await resolve('four.test', 3_000)).toHaveLength(1);
    expect(ended).toBe(0);
    for (const error of await Promise.all(lookUps)) expect(error).toMatchObject({ kind: 'connect_timeout' });
  });
});
