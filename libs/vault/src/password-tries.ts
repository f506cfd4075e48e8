import { setTimeout as sleep } from 'node:timers/promises';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** Over all processes; whoever knows the password needs one or two. */
const MOST_TRIES = 5;
const WINDOW_MS = 60_000;
/** What a wrong password costs at least, however fast the machine. */
const LEAST_MS = 150;

/** Holds back whoever guesses the password of the vault. */
export class PasswordTries {
  constructor(private readonly redis: RedisClient) {}

  /**
   * What `check` gives of a password. Throws `vault_password_wrong` when that is null, never early, and `rate_limit_exceeded` without a
   * look at the password once there were too many wrong ones within a minute.
   */
  async judge<T>(check: () => Promise<T | null>): Promise<T> {
    const startedAt = performance.now();
    // Counted before it is checked: many at once are not more than one after the other.
    await this.count();
    const checked = await check();
    if (checked === null) {
      await sleep(Math.max(startedAt + LEAST_MS - performance.now(), 0));
      throw new TokenhubError('vault_password_wrong', 'This is not the password of the vault.');
    }
    await this.redis.del(keys.vaultTries());
    return checked;
  }

  private async count(): Promise<void> {
    const key = keys.vaultTries();
    const [tries, , leftMs] = await Promise.all([
      this.redis.incr(key),
      this.redis.pexpire(key, WINDOW_MS, 'NX'),
      this.redis.pttl(key),
    ]);
    if (tries <= MOST_TRIES) return;
    throw new TokenhubError('rate_limit_exceeded', 'Too many wrong passwords: wait before the next.', {
      retryAfterS: Math.max(Math.ceil(leftMs / 1_000), 1),
    });
  }
}
