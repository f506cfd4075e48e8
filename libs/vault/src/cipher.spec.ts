import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DataKeys } from './data-keys.js';
import { LiveCipher } from './live-cipher.js';
import { resealWith } from './reseal.js';
import { boundName } from './escrow.js';

const NAME = 'provider-secret/openai';
const SECRET = 'sk-canary-0123456789';

const keys = DataKeys.of([1, 2].map((version) => ({ version, key: randomBytes(32) })));
const old = DataKeys.of(keys.all().slice(0, 1));
const cipher = new LiveCipher(() => keys);
const closed = new LiveCipher(() => null);
const sealed = cipher.seal(NAME, SECRET);

/** The text with one character of a part replaced by another of its alphabet. */
function bent(text: string, part: number, at: number): string {
  const parts = text.split('.');
  const old = parts[part] ?? '';
  const other = old[at] === 'A' ? 'B' : 'A';
  parts[part] = old.slice(0, at) + other + old.slice(at + 1);
  return parts.join('.');
}

it('says whether there is a vault at all, when something is to be sealed', () => {
  expect(() => closed.seal(NAME, SECRET)).toThrow(expect.objectContaining({ code: 'vault_locked' }));
  const none = new LiveCipher(
    () => null,
    () => false,
  );
  expect(() => none.seal(NAME, SECRET)).toThrow(expect.objectContaining({ code: 'vault_uninitialised' }));
  expect(() => none.open(NAME, sealed)).toThrow(expect.objectContaining({ code: 'vault_locked' }));
});

describe('a sealed text', () => {
  it('opens to what was sealed, whatever it is, and never looks the same twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), fc.string(), (text, name) => {
        const [one, other] = [cipher.seal(name, text), cipher.seal(name, text)];
        expect(one).toMatch(/^v1\.2\.[\w-]{16}\.[\w-]{22,}$/);
        expect(one).not.toBe(other);
        expect(cipher.open(name, one)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it('holds nothing of the text', () => {
    for (const part of sealed.split('.')) {
      expect(Buffer.from(part, 'base64url').toString('latin1')).not.toContain('canary');
    }
  });

  it('does not open with any character of nonce, text or tag changed, and the error says which record and nothing else', () => {
    for (const part of [2, 3]) {
      for (let at = 0; at < (sealed.split('.')[part]?.length ?? 0); at++) {
        const open = (): string => cipher.open(NAME, bent(sealed, part, at));
        expect(open).toThrow(expect.objectContaining({ code: 'vault_corrupt' }));
        expect(open).toThrow(`${NAME} cannot be read`);
        expect(open).not.toThrow('canary');
      }
    }
  });

  it.each([
    ['under another name', () => cipher.open('provider-secret/other', sealed)],
    ['as another version of the key', () => cipher.open(NAME, sealed.replace('v1.2.', 'v1.1.'))],
    ['cut short', () => cipher.open(NAME, sealed.slice(0, -4))],
    ['without its tag', () => cipher.open(NAME, sealed.split('.').slice(0, 3).join('.'))],
    ['with more behind it', () => cipher.open(NAME, `${sealed}AAAA`)],
    ['of another form', () => cipher.open(NAME, sealed.replace('v1', 'v2'))],
    ['in clear', () => cipher.open(NAME, SECRET)],
    ['empty', () => cipher.open(NAME, '')],
  ])('does not open %s', (_how, open) => {
    expect(open).toThrow(expect.objectContaining({ code: 'vault_corrupt' }));
  });

  it('two records that were swapped are both refused', () => {
    const other = cipher.seal('provider-secret/b', 'sk-other');
    expect(() => cipher.open(NAME, other)).toThrow(expect.objectContaining({ code: 'vault_corrupt' }));
    expect(() => cipher.open('provider-secret/b', sealed)).toThrow(expect.objectContaining({ code: 'vault_corrupt' }));
  });
});

describe('without the data key', () => {
  it.each([
    ['seals', () => closed.seal(NAME, SECRET)],
    ['opens', () => closed.open(NAME, sealed)],
    ['opens what a newer key has sealed', () => new LiveCipher(() => old).open(NAME, sealed)],
  ])('nobody %s', (_what, use) => {
    expect(use).toThrow(expect.objectContaining({ code: 'vault_locked', status: 409 }));
  });

  it('what another vault has sealed does not open', () => {
    const stranger = new LiveCipher(() => DataKeys.first().withNext());
    expect(() => stranger.open(NAME, sealed)).toThrow(expect.objectContaining({ code: 'vault_corrupt' }));
  });
});

describe('data keys', () => {
  it('go through bytes as they are', () => {
    expect(DataKeys.fromBytes(keys.toBytes()).all()).toStrictEqual(keys.all());
  });

  it.each([
    ['none', Buffer.alloc(0)],
    ['a part of one', keys.toBytes().subarray(0, 40)],
    ['versions out of order', Buffer.concat([keys.toBytes().subarray(36), keys.toBytes().subarray(0, 36)])],
    ['a version 0', Buffer.alloc(36)],
  ])('are not read from %s', (_what, bytes) => {
    expect(() => DataKeys.fromBytes(bytes)).toThrow(RangeError);
  });

  it('are overwritten when they are wiped, and of no use afterwards', () => {
    const some = DataKeys.first();
    const [entry] = some.all();
    some.wipe();
    expect(entry?.key).toStrictEqual(Buffer.alloc(32));
    expect(some.all()).toStrictEqual([]);
    expect(() => some.active).toThrow('wiped');
    expect(() => new LiveCipher(() => some).open(NAME, cipher.seal(NAME, 'x'))).toThrow('locked');
  });

  it('a next one seals, the ones before still open, and wiping one set leaves the other', () => {
    const first = DataKeys.first();
    const before = new LiveCipher(() => first).seal(NAME, SECRET);
    const both = first.withNext();
    first.wipe();
    const after = new LiveCipher(() => both);
    expect(after.open(NAME, before)).toBe(SECRET);
    expect(after.seal(NAME, SECRET)).toMatch(/^v1\.2\./);
  });

  it('seal a secret anew only when it opens: what does not is named', () => {
    const next = keys.withNext();
    const bound = boundName('a');
    const resealed = resealWith(next)('a', cipher.seal(bound, SECRET));
    expect(resealed).toMatch(/^v1\.3\./);
    expect(new LiveCipher(() => next).open(bound, resealed)).toBe(SECRET);
    expect(() => resealWith(next)('b', cipher.seal(bound, SECRET))).toThrow(`${boundName('b')} cannot be read`);
    expect(() => resealWith(old)('a', cipher.seal(bound, SECRET))).toThrow(
      expect.objectContaining({ code: 'vault_corrupt' }),
    );
  });
});
