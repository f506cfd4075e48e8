import { createHmac, randomBytes, timingSafeEqual, hash } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TokenhubConfig } from '#platform/config/config.js';

/** The administrator's token: `TOKENHUB_ADMIN_TOKEN`, or one generated at first start into a file that only its owner can read. */
export class AdminToken {
  private readonly digest: Buffer;

  constructor(config: Pick<TokenhubConfig, 'adminToken' | 'stateDir'>) {
    this.digest = digestOf(config.adminToken ?? generated(config.stateDir));
  }

  /** Compares in constant time. */
  matches(presented: string): boolean {
    return timingSafeEqual(digestOf(presented), this.digest);
  }

  /** A hash in lower-case hex that takes this token to make: what is kept under it is out of reach once the token is another. */
  keyedHash(text: string): string {
    return createHmac('sha256', this.digest).update(text).digest('hex');
  }
}

/** The file appears whole and only once, so that API processes that start together agree on one token. */
function generated(stateDir: string): string {
  const file = join(stateDir, 'admin-token');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const token = readFileSync(file, 'utf8').trim();
  if (token === '') throw new Error(`${file} is empty: remove it, and it is made anew`);
  return token;
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
