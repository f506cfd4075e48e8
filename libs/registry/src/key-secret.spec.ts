import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { isMistyped, newSecret } from './key-secret.js';

it('a secret has the one form, and is known by its SHA-256 and a hint that gives away eleven characters', () => {
  const { secret, sha256, hint } = newSecret();
  expect(secret).toMatch(/^th_[0-9A-Za-z]{38}$/);
  expect(sha256).toBe(createHash('sha256').update(secret).digest('hex'));
  expect(hint).toBe(`${secret.slice(0, 7)}…${secret.slice(-4)}`);
});

it('no two are alike, and every character of base 62 comes about as often as any other', () => {
  const secrets = Array.from({ length: 2_000 }, () => newSecret().secret);
  expect(new Set(secrets).size).toBe(2_000);
  const counts = new Map<string, number>();
  for (const secret of secrets)
    for (const letter of secret.slice(3, 35)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  expect(counts.size).toBe(62);
  // 1,032 of each are expected, with a standard deviation of 32: seven of them are never seen.
  for (const count of counts.values()) expect(Math.abs(count - 1_032)).toBeLessThan(225);
});

it('every single mistyped character is recognised, and so are two that changed places', () => {
  const { secret } = newSecret();
  expect(isMistyped(secret)).toBe(false);
  for (let at = 3; at < secret.length; at++) {
    const other = secret[at] === 'a' ? 'b' : 'a';
    expect(isMistyped(`${secret.slice(0, at)}${other}${secret.slice(at + 1)}`)).toBe(true);
    const [left = '', right = ''] = secret.slice(at, at + 2);
    const swapped = `${secret.slice(0, at)}${right}${left}${secret.slice(at + 2)}`;
    if (right !== '' && left !== right) expect(isMistyped(swapped)).toBe(true);
  }
});

it.each(['', 'th_', 'th_0123456789abcdef0123456789abcdef0123456789abcdef', 'sk-proj-1', `th_${'-'.repeat(38)}`])(
  '%j has another form: nothing is said of it',
  (text) => expect(isMistyped(text)).toBe(false),
);
