import { expect, it } from '@jest/globals';
import { readTrustedProxies } from './read-trusted-proxies.js';

it.each<[string | undefined, string[]]>([
  [undefined, []],
  ['  ', []],
  ['10.0.0.7', ['10.0.0.7']],
  ['10.0.0.0/8, ::1,fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']],
])('%j trusts %j', (value, trusted) => {
  expect(readTrustedProxies({ TOKENHUB_TRUSTED_PROXIES: value })).toStrictEqual(trusted);
});

it.each([
  'all',
  'proxy.example',
  '10.0.0.0/0',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.0/33',
  '10.0.0.0/8/8',
  '10.0.0.1,',
  '1',
  'loopback',
])('%j is refused: it could be anybody', (value) => {
  expect(() => readTrustedProxies({ TOKENHUB_TRUSTED_PROXIES: value })).toThrow(
    'TOKENHUB_TRUSTED_PROXIES: must be a comma-separated list of addresses and subnets',
  );
});
