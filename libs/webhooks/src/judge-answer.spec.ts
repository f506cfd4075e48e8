import { expect, it } from '@jest/globals';
import { judgeAnswer } from './judge-answer.js';

it.each([200, 201, 202, 204, 299])('%i is delivered', (status) =>
  expect(judgeAnswer({ status, headers: {} })).toEqual({ kind: 'delivered', status }),
);

it('410 wants no more', () => expect(judgeAnswer({ status: 410, headers: {} })).toEqual({ kind: 'gone', status: 410 }));

it.each<[number, string, boolean]>([
  [300, 'redirect', false],
  [301, 'redirect', false],
  [308, 'redirect', false],
  [400, 'http_400', false],
  [401, 'http_401', false],
  [404, 'http_404', false],
  [429, 'http_429', true],
  [500, 'http_500', false],
  [502, 'http_502', true],
  [503, 'http_503', false],
  [504, 'http_504', true],
])('%i has failed', (status, reason, overloaded) => {
  expect(judgeAnswer({ status, headers: {} })).toEqual({
    kind: 'failed',
    status,
    reason,
    overloaded,
    retryAfterMs: undefined,
  });
});

it('a wait that it names is heard', () => {
  expect(judgeAnswer({ status: 503, headers: { 'retry-after': '120' } })).toMatchObject({ retryAfterMs: 120_000 });
});
