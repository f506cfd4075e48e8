import type { IncomingHttpHeaders } from 'node:http';
import { expect, it } from '@jest/globals';
import { isOwnOrigin } from './own-origin.js';

const host = 'hub.example:8080';

it.each<[boolean | null, IncomingHttpHeaders]>([
  [true, { host, origin: 'http://hub.example:8080' }],
  [true, { host, origin: 'https://hub.example:8080' }],
  [true, { host: 'HUB.example', origin: 'https://hub.example' }],
  [true, { host: 'hub.example:80', origin: 'http://hub.example' }],
  [true, { host: '[::1]:8080', origin: 'http://[::1]:8080' }],
  [true, { host, 'sec-fetch-site': 'same-origin' }],
  [true, { host: 'behind.a.proxy', origin: 'https://hub.example', 'sec-fetch-site': 'same-origin' }],
  [false, { host, 'sec-fetch-site': 'same-site', origin: `http://${host}` }],
  [false, { host, 'sec-fetch-site': 'cross-site' }],
  [false, { host, 'sec-fetch-site': 'none' }],
  [false, { host, 'sec-fetch-site': '' }],
  [false, { host, origin: 'http://hub.example' }],
  [false, { host, origin: 'http://hub.example:8081' }],
  [false, { host, origin: 'http://hub.example:8080.evil.example' }],
  [false, { host, origin: 'http://evil.example/?http://hub.example:8080' }],
  [false, { host, origin: 'null' }],
  [false, { host, origin: '' }],
  [false, { host: 'null', origin: 'null' }],
  [false, { host: '', origin: '' }],
  [false, { origin: 'http://hub.example' }],
  [null, { host }],
  [null, { host, referer: 'http://hub.example:8080/admin/' }],
])('%j for %j', (own, headers) => {
  expect(isOwnOrigin(headers)).toBe(own);
});
