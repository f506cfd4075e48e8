import { describe, expect, it } from '@jest/globals';
import { foreignHost } from './loopback-only.js';

describe('hosts', () => {
  it.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST:8080',
    '127.0.0.1',
    '127.0.0.1:65535',
    '127.8.9.10:1',
    '[::1]',
    '[::1]:8080',
    '[0:0:0:0:0:0:0:1]:8080',
  ])('%s is served', (host) => expect(foreignHost({ host })).toBeNull());

  it.each([
    undefined,
    '',
    ':8080',
    'evil.com',
    'evil.com:8080',
    '127.0.0.1.evil.com',
    'localhost.evil.com:8080',
    'notlocalhost',
    'evil.com@localhost',
    'a:b@127.0.0.1:8080',
    'localhost/evil',
    'localhost?evil',
    'localhost#evil',
    'localhost:notaport',
    'localhost:99999',
    '0.0.0.0:8080',
    '128.0.0.1',
    '192.168.0.1:8080',
    '[::]:8080',
    '[::2]:8080',
    '[fe80::1]:8080',
    '::1',
    'localhost evil.com',
    'local\u0000host',
  ])('%s is refused', (host) => {
    expect(foreignHost({ host })).toMatchObject({ code: 'host_not_allowed', status: 403 });
  });
});

describe('origins', () => {
  it.each([undefined, 'http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:8080', 'HTTP://LOCALHOST'])(
    'pages of %s are served',
    (origin) => expect(foreignHost({ host: 'localhost', ...(origin !== undefined && { origin }) })).toBeNull(),
  );

  it.each([
    'null',
    '',
    'https://evil.com',
    'http://localhost.evil.com',
    'http://127.0.0.1.evil.com',
    'file://',
    'nonsense',
  ])('pages of %j are refused', (origin) => {
    expect(foreignHost({ host: 'localhost', origin })).toMatchObject({ code: 'host_not_allowed' });
  });

  it('a loopback origin does not make up for a foreign host', () => {
    expect(foreignHost({ host: 'evil.com', origin: 'http://localhost' })).not.toBeNull();
  });
});

it('the same value is judged the same, however many others were in between', () => {
  for (let i = 0; i < 300; i++) {
    expect(foreignHost({ host: `evil${i}.com` })).not.toBeNull();
    expect(foreignHost({ host: `localhost:${i + 1}` })).toBeNull();
  }
  expect(foreignHost({ host: 'evil0.com' })).not.toBeNull();
  expect(foreignHost({ host: 'localhost:1' })).toBeNull();
});
