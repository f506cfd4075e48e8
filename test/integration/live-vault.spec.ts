import { randomBytes } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { AdministrationSession } from '#vault/administration-session.js';
import { DataKeys } from '#vault/data-keys.js';
import { Escrow, boundName } from '#vault/escrow.js';
import { HandOver, type HandOverFault } from '#vault/hand-over.js';
import { KeyExchange } from '#vault/key-exchange.js';
import { LiveVault } from '#vault/live-vault.js';
import { PasswordTries } from '#vault/password-tries.js';
import { newBoxKeyPair, sealedBoxesReady } from '#vault/sealed-box.js';
import { sealText } from '#vault/sealed-text.js';
import { secretSnapshots } from '#vault/sealed-secrets.js';
import type { VaultOpener } from '#vault/vault-opener.js';
import { VaultStatusStore, type VaultStatus } from '#vault/vault-status.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
const SECRET = randomBytes(32);

let status: VaultStatusStore;
let data: DataKeys;
let refused: { process: string; fault: HandOverFault }[];
let errors: unknown[];

beforeAll(sealedBoxesReady);
beforeEach(() => {
  status = new VaultStatusStore(fixture.redis);
  data = DataKeys.first();
  refused = [];
  errors = [];
});

interface ProcessOptions {
  clusterSecret?: Buffer | null;
  opener?: Pick<VaultOpener, 'open' | 'recall'>;
  pollMs?: number;
}

/** A process of its own, with connections of its own. */
async function start(
  processId: string,
  { clusterSecret = SECRET, opener, pollMs = 50 }: ProcessOptions = {},
): Promise<LiveVault> {
  const redis = fixture.connect();
  const exchange =
    clusterSecret &&
    new KeyExchange({
      redis,
      processId,
      handOver: new HandOver({ processId, pair: newBoxKeyPair(), clusterSecret }),
      onRefused: ({ fault }, process) => refused.push({ process, fault }),
    });
  const vault = new LiveVault({
    ...{ status: new VaultStatusStore(redis), subscriber: fixture.connect(), exchange, pollMs },
    opener: (opener as VaultOpener | undefined) ?? null,
    onError: (error) => errors.push(error),
  });
  await vault.start();
  fixture.after(() => vault.stop());
  return vault;
}

/** What an administrator's unlocking does in its process. */
async function open(vault: LiveVault, opened = data): Promise<VaultStatus> {
  const said: VaultStatus = { state: 'unlocked', mode: 'password', epoch: await status.say('unlocked', 'password') };
  vault.adopt(opened, said);
  await status.announce();
  return said;
}

const until = (...vaults: LiveVault[]) => ({
  hold: (epoch: number) => waitFor(() => vaults.every(({ holds }) => holds === epoch), { describe: `epoch ${epoch}` }),
  closed: () => waitFor(() => vaults.every(({ holds }) => holds === null), { describe: 'no key' }),
});

describe('the data key', () => {
  it('reaches every process that asks, also one that starts later and one that is asked by that one', async () => {
    const [first, second] = [await start('api-1'), await start('worker-1')];
    const sealed = sealText(data.active, 'x', 'secret');
    const { epoch } = await open(first);
    await until(first, second).hold(epoch);
    first.stop();
    const third = await start('worker-2');
    await until(third).hold(epoch);
    for (const vault of [second, third]) expect(vault.cipher.open('x', sealed)).toBe('secret');
    expect(refused).toEqual([]);
  });

  it('is in no process any more as soon as it is said that the vault is locked', async () => {
    const vaults = [await start('api-1'), await start('worker-1')];
    const [first] = vaults;
    if (!first) throw new Error('no process');
    const { epoch } = await open(first);
    await until(...vaults).hold(epoch);
    await status.say('locked', 'password');
    await status.announce();
    await until(...vaults).closed();
    expect(() => first.cipher.seal('x', 'y')).toThrow(expect.objectContaining({ code: 'vault_locked' }));
  });

  it('is dropped without a message, too: each process looks by itself', async () => {
    const vault = await start('api-1');
    await open(vault);
    await status.say('locked', 'password');
    await until(vault).closed();
  });

  it('is never given to a process with another cluster secret, or with none', async () => {
    const holder = await start('api-1');
    const { epoch } = await open(holder);
    const [stranger, alone] = [
      await start('worker-9', { clusterSecret: randomBytes(32) }),
      await start('worker-8', { clusterSecret: null }),
    ];
    await waitFor(() => refused.length > 2);
    expect(new Set(refused.map(({ process, fault }) => `${process} ${fault}`))).toEqual(new Set(['worker-9 mac']));
    expect([stranger.holds, alone.holds, holder.holds]).toEqual([null, null, epoch]);
    expect(await fixture.redis.keys('*vault-answer*')).toEqual([]);
  });

  it('an answer that was recorded does not open a vault that was locked meanwhile', async () => {
    const holder = await start('api-1');
    const { epoch } = await open(holder);
    const recorder = await fixture.redis.monitor();
    fixture.after(() => {
      recorder.disconnect();
    });
    const recorded: string[] = [];
    recorder.on('monitor', (_time: string, [command, key, text]: string[]) => {
      if (command?.toLowerCase() === 'set' && key === keys.vaultAnswer('worker-1')) recorded.push(text ?? '');
    });
    const worker = await start('worker-1');
    await until(worker).hold(epoch);
    await waitFor(() => recorded.length > 0, { describe: 'the answer to be recorded' });
    await status.say('locked', 'password');
    await status.announce();
    await until(worker, holder).closed();
    holder.stop();
    await fixture.redis.set(keys.vaultAnswer('worker-1'), recorded[0] ?? '');
    await status.say('unlocked', 'password');
    await status.announce();
    await waitFor(() => refused.some(({ process }) => process === 'worker-1'));
    expect(refused).toEqual([{ process: 'worker-1', fault: 'epoch' }]);
    expect(worker.holds).toBeNull();
  });

  it('of a rotation replaces the one before, which serves until then', async () => {
    const [first, second] = [await start('api-1'), await start('worker-1')];
    const { epoch } = await open(first);
    await until(first, second).hold(epoch);
    const before = first.cipher.seal('x', 'secret');
    const rotated = await open(first, data.withNext());
    // Never without a key in between.
    expect(second.cipher.open('x', before)).toBe('secret');
    await until(first, second).hold(rotated.epoch);
    expect(second.cipher.open('x', before)).toBe('secret');
    expect(second.cipher.seal('x', 'secret')).toMatch(/^v1\.2\./);
  });
});

describe('what is said of the vault', () => {
  it('has epochs that only grow, and are never behind the clock', async () => {
    const before = Date.now();
    const epochs = [
      await status.say('unlocked', 'env'),
      await status.say('unlocked', 'env'),
      await status.say('locked', null),
    ];
    expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
    expect(epochs[0]).toBeGreaterThanOrEqual(before);
    expect(await status.read()).toEqual({ state: 'locked', mode: null, epoch: epochs[2] });
    expect(await status.sayFirst('unlocked', 'env')).toBeNull();
  });

  it('is said of a rotation only while nobody has locked the vault', async () => {
    const open = await status.say('unlocked', 'env');
    const rotated = await status.sayUnlessLocked('unlocked', 'env');
    expect(rotated).toBeGreaterThan(open);
    const locked = await status.say('locked', 'env');
    expect(await status.sayUnlessLocked('unlocked', 'env')).toBeNull();
    expect(await status.read()).toEqual({ state: 'locked', mode: 'env', epoch: locked });
    await fixture.redis.del(keys.vault());
    expect(await status.sayUnlessLocked('unlocked', 'env')).toBe((await status.read())?.epoch);
  });

  it.each([
    ['no epoch', { state: 'unlocked' }],
    ['an epoch that is no number', { state: 'unlocked', epoch: 'now' }],
    ['a state that is none', { state: 'ajar', epoch: '7' }],
  ])('counts as nothing with %s', async (_what, fields) => {
    await fixture.redis.hset(keys.vault(), fields);
    expect(await status.read()).toBeNull();
  });

  it('a state that somebody changes without an epoch closes all the same', async () => {
    const vault = await start('api-1');
    await open(vault);
    await fixture.redis.hset(keys.vault(), 'state', 'locked');
    await until(vault).closed();
    expect(vault.status).toMatchObject({ state: 'locked' });
  });
});

describe('where Redis has lost its last second', () => {
  it('who holds the newest keys says them anew, and nobody loses them', async () => {
    const [first, second] = [await start('api-1'), await start('worker-1')];
    const { epoch: before } = await open(first);
    await until(first, second).hold(before);
    const { epoch } = await open(first, data.withNext());
    await until(first, second).hold(epoch);
    let lost = 0;
    for (const vault of [first, second]) vault.onChange(() => (lost += vault.holds === null ? 1 : 0));
    await fixture.redis.hset(keys.vault(), 'epoch', before);
    await waitFor(async () => ((await status.read())?.epoch ?? 0) > epoch, { describe: 'a newer epoch' });
    await until(first, second).hold((await status.read())?.epoch ?? 0);
    for (const vault of [first, second]) expect(vault.keys?.active.version).toBe(2);
    expect(lost).toBe(0);
  });

  it('a lock that it still knows of closes the vault, whoever has unlocked it since', async () => {
    const vault = await start('api-1');
    const locked = await status.say('locked', 'password');
    await open(vault);
    await fixture.redis.hset(keys.vault(), { state: 'locked', epoch: locked });
    await until(vault).closed();
    expect(await status.read()).toMatchObject({ state: 'locked', epoch: locked });
  });
});

describe('where Redis says nothing', () => {
  const opener = (recalled: 'locked' | 'unlocked', own: DataKeys | null): ProcessOptions['opener'] => ({
    open: () => Promise.resolve(own),
    recall: (held) =>
      Promise.resolve({
        ...{ state: held ? 'unlocked' : recalled, mode: 'password' },
        isGuess: !held && recalled === 'locked',
      }),
  });

  it('a process with the database says how it is', async () => {
    const vault = await start('api-1', { opener: opener('locked', null) });
    await waitFor(() => vault.status !== null);
    expect(vault.status).toMatchObject({ state: 'locked', mode: 'password' });
    expect(await status.read()).toEqual(vault.status);
  });

  it('and one with the encryption key opens it by itself', async () => {
    const vault = await start('api-1', { opener: opener('unlocked', data) });
    await waitFor(() => vault.holds !== null);
    expect((await status.read())?.epoch).toBe(vault.holds);
  });

  it('who holds the key says that it is open, with a newer epoch', async () => {
    const holder = await start('api-1', { opener: opener('locked', null) });
    const { epoch } = await open(holder);
    const other = await start('api-2', { opener: opener('locked', null) });
    await until(other).hold(epoch);
    await fixture.redis.flushdb();
    await waitFor(async () => ((await status.read())?.epoch ?? 0) > epoch);
    expect(await status.read()).toMatchObject({ state: 'unlocked' });
    await until(holder, other).hold((await status.read())?.epoch ?? 0);
  });

  it('a process that has just started leaves the word to who holds the key, and is given it', async () => {
    const holder = await start('api-1', { opener: opener('locked', null), pollMs: 1_000 });
    const epoch = await status.say('unlocked', 'password');
    // Without a message, so that it does not look before the other.
    holder.adopt(data, { state: 'unlocked', mode: 'password', epoch });
    await fixture.redis.flushdb();
    const newcomer = await start('api-2', { opener: opener('locked', null) });
    expect([newcomer.status, await status.read()]).toEqual([null, null]);
    await waitFor(() => newcomer.holds !== null, { describe: 'the key to be handed over' });
    expect(newcomer.holds).toBeGreaterThan(epoch);
    await until(holder, newcomer).hold((await status.read())?.epoch ?? 0);
    expect(await status.read()).toMatchObject({ state: 'unlocked' });
  });

  it('a process without the database says nothing', async () => {
    const vault = await start('worker-1');
    expect([vault.status, await status.read()]).toEqual([null, null]);
  });
});

describe('the secrets in a process', () => {
  it('are followed sealed, and open with the key of the moment', async () => {
    const vault = await start('api-1');
    const escrow = new Escrow({
      redis: fixture.redis,
      subscriber: fixture.connect(),
      cipher: vault.cipher,
      onError: fixture.onError,
    });
    await escrow.start();
    fixture.after(() => escrow.stop());
    expect(escrow.find('a')).toMatchObject({ state: 'unavailable', reason: expect.stringContaining('not known yet') });
    await open(vault);
    const publish = (secrets: Record<string, string>) => secretSnapshots(fixture.redis).publish({ secrets });
    await publish({
      a: vault.cipher.seal(boundName('a'), 'sk-a'),
      swapped: vault.cipher.seal(boundName('other'), 'sk-b'),
    });
    await escrow.catchUp();
    expect(escrow.find('a')).toEqual({ state: 'resolved', secret: 'sk-a' });
    expect(escrow.find('swapped')).toMatchObject({ state: 'missing', reason: expect.stringContaining('swapped') });
    for (const name of ['none', 'constructor', '__proto__'])
      expect(escrow.find(name)).toMatchObject({ state: 'missing' });
    // Sealed with a key that has not reached this process yet: the one before serves.
    const next = data.withNext();
    const ahead = sealText(next.active, boundName('a'), 'sk-new');
    await publish({ a: ahead });
    await escrow.catchUp();
    expect(escrow.find('a')).toEqual({ state: 'resolved', secret: 'sk-a' });
    await open(vault, next);
    expect(escrow.find('a')).toEqual({ state: 'resolved', secret: 'sk-new' });
    await status.say('locked', 'password');
    await until(vault).closed();
    expect(escrow.find('a')).toEqual({ state: 'unavailable', reason: 'the vault is locked' });
  });
});

describe('the administration of secrets', () => {
  const unlocked = { state: 'unlocked', mode: 'password', epoch: 7 } as const;

  it('closes by itself, with each epoch, and when the vault is locked', async () => {
    const session = new AdministrationSession(fixture.redis, 60_000);
    await expect(session.require(unlocked)).rejects.toMatchObject({ code: 'vault_administration_closed', status: 403 });
    await session.open(unlocked);
    await session.require(unlocked);
    expect(await session.closesAt(unlocked)).toBeGreaterThan(Date.now() + 50_000);
    await expect(session.require({ ...unlocked, epoch: 8 })).rejects.toMatchObject({
      code: 'vault_administration_closed',
    });
    await expect(session.require({ ...unlocked, state: 'locked' })).rejects.toMatchObject({ code: 'vault_locked' });
    await expect(session.require({ ...unlocked, state: 'uninitialised' })).rejects.toMatchObject({
      code: 'vault_uninitialised',
    });
    await expect(session.require(null)).rejects.toMatchObject({ code: 'vault_locked' });
    await fixture.redis.pexpire(keys.vaultAdministration(), 1_000);
    await session.require(unlocked);
    expect(await fixture.redis.pttl(keys.vaultAdministration())).toBeGreaterThan(50_000);
    await session.close();
    expect(await session.closesAt(unlocked)).toBeNull();
  });

  it('is open while the vault is where there is no password', async () => {
    const session = new AdministrationSession(fixture.redis, 60_000);
    await session.require({ ...unlocked, mode: 'env' });
    expect(await session.closesAt({ ...unlocked, mode: 'env' })).toBe('never');
  });
});

describe('passwords that are tried', () => {
  const wrong = (): Promise<null> => Promise.resolve(null);

  it('are five a minute over all processes, also all at once; the right one forgets them', async () => {
    const [one, other] = [new PasswordTries(fixture.redis), new PasswordTries(fixture.connect())];
    const tried = await Promise.allSettled(
      [one, other, one, other, one, other, one].map((tries) => tries.judge(wrong)),
    );
    const codes = tried.map((result) =>
      result.status === 'rejected' ? (result.reason as { code: string }).code : 'right',
    );
    expect(codes.toSorted()).toEqual([
      ...Array.from({ length: 2 }, () => 'rate_limit_exceeded'),
      ...Array.from({ length: 5 }, () => 'vault_password_wrong'),
    ]);
    let asked = false;
    const right = (): Promise<string> => {
      asked = true;
      return Promise.resolve('right');
    };
    await expect(one.judge(right)).rejects.toMatchObject({ status: 429, options: { retryAfterS: expect.any(Number) } });
    expect(asked).toBe(false);
    await fixture.redis.del(keys.vaultTries());
    await expect(one.judge(wrong)).rejects.toMatchObject({ code: 'vault_password_wrong' });
    expect(await one.judge(right)).toBe('right');
    expect(await fixture.redis.exists(keys.vaultTries())).toBe(0);
  });

  it('a wrong one costs a tenth of a second, however fast it was found to be wrong', async () => {
    const from = performance.now();
    await expect(new PasswordTries(fixture.redis).judge(wrong)).rejects.toMatchObject({ status: 403 });
    expect(performance.now() - from).toBeGreaterThanOrEqual(100);
  });
});
