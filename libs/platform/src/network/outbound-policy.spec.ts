import { describe, expect, it, test } from '@jest/globals';
import fc from 'fast-check';
import { OutboundPolicy } from './outbound-policy.js';

const strict = new OutboundPolicy();

describe('an address', () => {
  test.each([
    ...[
      '127.0.0.1',
      '127.255.255.254',
      '0.0.0.0',
      '0.1.2.3',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.0.1',
    ],
    ...['169.254.0.1', '100.64.0.1', '100.127.255.255', '192.0.0.8', '192.0.2.1', '198.18.0.1', '198.51.100.1'],
    ...['203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '192.88.99.1'],
    ...['169.254.169.254', '169.254.170.2', '168.63.129.16', '100.100.100.200', '192.0.0.192'],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12:3456::1', 'ff02::1', 'fec0::1', '100::1'],
    ...['fd00:ec2::254', 'fd20:ce::254', '2001:db8::1', '3fff::1', '2001::1', '2001:2::1', '2001:10::1', '5f00::1'],
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '::ffff:168.63.129.16', '::127.0.0.1', '::10.0.0.1'],
    ...['::ffff:0:10.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::7f00:1', '64:ff9b:1::8.8.8.8'],
    ...['64:ff9b::168.63.129.16', '2002:7f00:1::', '2002:a00:1::', '2002:808:808::', '2001:0:4136:e378::1'],
    ...['4000::1', '9000::1', '', 'example.org', '1.2.3', '300.1.1.1', '1.2.3.4/8'],
  ])('%s is refused', (address) => expect(strict.addressFault(address, 'h')).not.toBeNull());

  test.each([
    ...[
      '8.8.8.8',
      '1.1.1.1',
      '93.184.216.34',
      '172.15.0.1',
      '172.32.0.1',
      '100.63.0.1',
      '100.128.0.1',
      '223.255.255.1',
    ],
    ...['2606:4700:4700::1111', '2a00:1450:4001::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'],
  ])('%s is public', (address) => expect(strict.addressFault(address, 'h')).toBeNull());

  it('of IPv4 is judged alike however it is dressed', () => {
    const byte = fc.nat(255);
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
        const address = bytes.join('.');
        const verdict = strict.addressFault(address, 'h') === null;
        expect(strict.addressFault(`::ffff:${address}`, 'h') === null).toBe(verdict);
        expect(strict.addressFault(`64:ff9b::${address}`, 'h') === null).toBe(verdict);
      }),
    );
  });
});

describe('what the operator allows', () => {
  const policy = new OutboundPolicy(['Hooks.test', '10.0.0.0/8', '127.0.0.1', 'fd00::/8']);

  it('is let through by the name of the host, whatever its address, but for metadata', () => {
    expect(policy.addressFault('192.168.1.1', 'hooks.test')).toBeNull();
    expect(policy.addressFault('192.168.1.1', 'other.test')).not.toBeNull();
    expect(policy.addressFault('169.254.169.254', 'hooks.test')).toBe('metadata');
    expect(policy.addressFault('fd00:ec2::254', 'other.test')).toBe('metadata');
  });

  it('is let through by address and by subnet, also in IPv6 clothes', () => {
    for (const address of ['10.9.8.7', '127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::10.0.0.1', 'fd00::1']) {
      expect([address, policy.addressFault(address, 'any.test')]).toEqual([address, null]);
    }
    for (const address of ['127.0.0.2', '11.0.0.1'].map((one) => `::ffff:${one}`).slice(0, 1)) {
      expect(policy.addressFault(address, 'any.test')).not.toBeNull();
    }
  });

  it.each<[string, string | null]>([
    ['http://hooks.test:9000/', null],
    ['http://HOOKS.test./', null],
    ['http://10.1.1.1:81/', null],
    ['http://127.0.0.1:9000/', null],
    ['http://[fd00::1]:9000/', null],
    ['http://127.0.0.2/', 'must be https'],
    ['http://sub.hooks.test/', 'must be https'],
    ['ftp://hooks.test/', 'must be https'],
    ['http://a:b@hooks.test/', 'must not carry a user name or password'],
  ])('%s', (url, fault) => expect(policy.urlFault(url)).toBe(fault));
});

describe('a URL', () => {
  it.each<[string, string | null]>([
    ['https://example.org/hook?token=x', null],
    ['https://example.org:8443/', null],
    ['https://8.8.8.8/', null],
    ['https://[2606:4700:4700::1111]/', null],
    ['https://example.org:80/', 'must use port 443 or 8443'],
    ['https://example.org:22/', 'must use port 443 or 8443'],
    ['http://example.org/', 'must be https'],
    ['javascript:alert(1)', 'must be https'],
    ['file:///etc/passwd', 'must be https'],
    ['https://user@example.org/', 'must not carry a user name or password'],
    ['https://:word@example.org/', 'must not carry a user name or password'],
    ['https://example.org/#part', 'must not have a fragment'],
    ['https://127.0.0.1/', 'must not name a private address'],
    ['https://2130706433/', 'must not name a private address'],
    ['https://0x7f.1/', 'must not name a private address'],
    ['https://0177.0.0.1/', 'must not name a private address'],
    ['https://127.1/', 'must not name a private address'],
    ['https://127.0.0.1./', 'must not name a private address'],
    ['https://１２７.0.0.1/', 'must not name a private address'],
    ['https://[::1]/', 'must not name a private address'],
    ['https://[::ffff:127.0.0.1]/', 'must not name a private address'],
    ['https://[64:ff9b::a00:1]/', 'must not name a private address'],
    ['https://localhost/', 'must not name a private host'],
    ['https://LOCALHOST./', 'must not name a private host'],
    ['https://api.localhost/', 'must not name a private host'],
    ['//example.org/', 'is not a URL'],
    ['', 'is not a URL'],
  ])('%s', (url, fault) => expect(strict.urlFault(url)).toBe(fault));
});
