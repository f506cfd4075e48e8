import { fileURLToPath } from 'node:url';
import { channels, keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';
import { VAULT_MODES, type VaultMode } from './vault-record.js';

export const VAULT_STATES = ['uninitialised', 'locked', 'unlocked'] as const;
export type VaultState = (typeof VAULT_STATES)[number];

/** How it is with the vault, as every process is told. */
export interface VaultStatus {
  state: VaultState;
  mode: VaultMode | null;
  /** Grows with each change of the state and of the data keys. */
  epoch: number;
}

/** What every process is told of the vault, in Redis; no key is in it. */
export class VaultStatusStore {
  private readonly change: LuaScript;

  constructor(private readonly redis: RedisClient) {
    const file = fileURLToPath(new URL('./change-vault-state.lua', import.meta.url));
    this.change = defineLuaScript(redis, file, 'tokenhubChangeVaultState');
  }

  /** Null when nothing is said: there never was a vault, or Redis has lost its data. */
  async read(): Promise<VaultStatus | null> {
    const [epoch, state, mode] = await this.redis.hmget(keys.vault(), 'epoch', 'state', 'mode');
    const known = VAULT_STATES.find((one) => one === state);
    const number = Number(epoch);
    if (epoch == null || known === undefined || !Number.isSafeInteger(number)) return null;
    return { state: known, mode: VAULT_MODES.find((one) => one === mode) ?? null, epoch: number };
  }

  /** Says it, and gives the new epoch. Nobody hears of it before `announce`, or before the next look. */
  async say(state: VaultState, mode: VaultMode | null): Promise<number> {
    const { epoch } = await this.saying({ state, mode }, 'always');
    return epoch;
  }

  /** Says it where nothing is said; null where something is. */
  async sayFirst(state: VaultState, mode: VaultMode | null): Promise<number | null> {
    return this.sayAfter(null, { state, mode });
  }

  /** Says it where this is what is said at this moment, `null` for nothing; null where something else is. */
  async sayAfter(before: VaultStatus | null, next: Omit<VaultStatus, 'epoch'>): Promise<number | null> {
    const { epoch, said } = await this.saying(next, 'after', before);
    return said ? epoch : null;
  }

  /** Says it, but never over the word of who has locked the vault: null when it is locked. */
  async sayUnlessLocked(state: VaultState, mode: VaultMode | null): Promise<number | null> {
    const { epoch, said } = await this.saying({ state, mode }, 'unlessLocked');
    return said ? epoch : null;
  }

  /** Makes every process look. */
  async announce(): Promise<void> {
    await this.redis.publish(channels.vault(), 'state');
  }

  /** `when` is as change-vault-state.lua knows it. */
  private async saying(
    { state, mode }: Omit<VaultStatus, 'epoch'>,
    when: 'always' | 'after' | 'unlessLocked',
    before: VaultStatus | null = null,
  ): Promise<{ epoch: number; said: boolean }> {
    const given = [state, mode ?? '', when, before?.epoch ?? ''];
    const [epoch, said] = (await this.change([keys.vault()], given)) as [string, number];
    return { epoch: Number(epoch), said: said === 1 };
  }
}
