import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface NewSecret {
  /** To be shown once, and kept nowhere. */
  secret: string;
  sha256: string;
  /** Tells keys apart in lists: its beginning and its last four characters. */
  hint: string;
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX = 'th_';
/** 190 bits. */
const RANDOM_CHARACTERS = 32;
/** A CRC-32 in base 62. */
const CHECK_CHARACTERS = 6;
const FORM = /^th_[0-9A-Za-z]{38}$/;
const SHOWN_AT_START = 7;

/** A secret that nobody can guess: `th_`, 32 random characters of base 62, and six that check them. */
export function newSecret(): NewSecret {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  const secret = `${PREFIX}${random}${checkOf(random)}`;
  return { secret, sha256: hashOf(secret), hint: `${secret.slice(0, SHOWN_AT_START)}…${secret.slice(-4)}` };
}

/** What a secret is known by: lower-case hex SHA-256. */
export function hashOf(secret: string): string {
  return hash('sha256', secret);
}

/** True for what has the form of our secrets and cannot be one. False says nothing: keys that an operator made have any form. */
export function isMistyped(presented: string): boolean {
  if (!FORM.test(presented)) return false;
  const end = PREFIX.length + RANDOM_CHARACTERS;
  return checkOf(presented.slice(PREFIX.length, end)) !== presented.slice(end);
}

function checkOf(random: string): string {
  let rest = crc32(random);
  let text = '';
  for (let i = 0; i < CHECK_CHARACTERS; i++) {
    text = ALPHABET.charAt(rest % ALPHABET.length) + text;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return text;
}
