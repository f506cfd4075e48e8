import { TokenhubError } from '#contracts/error-catalogue.js';
import { channels } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { Cipher } from './cipher.js';
import type { DataKeys } from './data-keys.js';
import type { KeyExchange } from './key-exchange.js';
import { LiveCipher } from './live-cipher.js';
import { HeldKeys } from './held-keys.js';
import type { VaultOpener } from './vault-opener.js';
import type { VaultStatus, VaultStatusStore } from './vault-status.js';

export interface LiveVaultDeps {
  status: VaultStatusStore;
  subscriber: RedisClient;
  /** Null without the cluster's secret: then nothing is handed over, neither to this process nor by it. */
  exchange: KeyExchange | null;
  /** Null where this process has no database. */
  opener: VaultOpener | null;
  /** Hears of the first failure after a success; the next look follows by itself. */
  onError: (error: unknown) => void;
  /** Between looks that no message caused. */
  pollMs?: number;
}

/** Redis may have lost its data: for so long whoever can only guess how it is leaves the word to those who hold the keys. */
const SILENT_MS = 2_000;

/**
 * The vault in a process: whether it is open, and the data keys while it is. They come from the process's own encryption key or from
 * another process, and are overwritten when the vault is locked, when what is said of it cannot be read for ten seconds, and when others
 * have new ones that do not arrive.
 */
export class LiveVault {
  readonly cipher: Cipher = new LiveCipher(
    () => this.held.keys,
    () => this.seen !== null && this.seen.state !== 'uninitialised',
  );
  private readonly held = new HeldKeys(() => this.tell());
  private readonly listeners: (() => void)[] = [];
  private seen: VaultStatus | null = null;
  private silentSince: number | null = null;
  /** The epoch at which this process's own key was found to be of no use. */
  private notByItself: number | null = null;
  private problem: string | null = null;
  private failing = false;
  /** The database did not answer when it was last asked. */
  private away = false;
  private looking: Promise<void> | null = null;
  private lookAgain = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: LiveVaultDeps) {}

  /** What was last said of the vault; null while nothing is. */
  get status(): VaultStatus | null {
    return this.seen;
  }

  /** The epoch whose data keys this process holds; null when it holds none. */
  get holds(): number | null {
    return this.held.keys === null ? null : this.held.epoch;
  }

  /** Why this process cannot open the vault by itself although it should; null when all is well. */
  get fault(): string | null {
    return this.problem;
  }

  /** For one use at once, and not to be kept: they are overwritten whenever they are dropped. */
  get keys(): DataKeys | null {
    return this.held.keys;
  }

  /** Calls the listener whenever what is said changes, or whether this process holds the keys. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Resolves after the first look, which may leave it closed; follows from then on. */
  async start(): Promise<void> {
    const { subscriber, pollMs = 500 } = this.deps;
    subscriber.on('message', this.hear);
    this.timer = setInterval(() => {
      this.held.dropUnlessSeen();
      this.lookSafely();
    }, pollMs);
    await subscriber.subscribe(channels.vault());
    await this.look().catch((error: unknown) => this.report(error));
  }

  /** Lets go of the keys; nobody hears of it. */
  stop(): void {
    clearInterval(this.timer);
    this.listeners.length = 0;
    this.deps.subscriber.off('message', this.hear);
    this.held.drop();
  }

  /** These are the data keys of what was just said; others may ask for them from now on. Wiped when something newer is said. */
  adopt(keys: DataKeys, status: VaultStatus): void {
    if ((this.seen?.epoch ?? 0) > status.epoch) {
      keys.wipe();
      return;
    }
    this.accept(status);
    this.hold(keys, status.epoch);
  }

  /** The record is another since: finds out again whether this process can open it by itself. */
  async tryItself(): Promise<void> {
    const { opener } = this.deps;
    this.notByItself = null;
    if (opener !== null) (await this.noting(() => opener.open()))?.wipe();
  }

  /** Resolves once this process knows what is said at this moment; rejects when Redis cannot be asked. */
  look(): Promise<void> {
    if (this.looking) {
      this.lookAgain = true;
      return this.looking;
    }
    this.looking = this.lookUntilQuiet().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private readonly hear = (channel: string, message: string): void => {
    if (channel !== channels.vault()) return;
    const [what, process = ''] = message.split(/:(.*)/s);
    if (what === 'ask') this.answer(process).catch((error: unknown) => this.report(error));
    else this.lookSafely();
  };

  private async answer(process: string): Promise<void> {
    const { exchange } = this.deps;
    if (exchange === null || this.holds === null) return;
    await this.look();
    const { keys, epoch } = this.held;
    if (keys !== null && epoch === this.seen?.epoch) await exchange.answer(process, { epoch, keys });
  }

  private lookSafely(): void {
    this.look().then(
      () => (this.failing = false),
      (error: unknown) => this.report(error),
    );
  }

  private async lookUntilQuiet(): Promise<void> {
    for (let again = true; again; again = this.lookAgain) {
      this.lookAgain = false;
      await this.lookOnce();
    }
  }

  private async lookOnce(): Promise<void> {
    const said = (await this.deps.status.read()) ?? (await this.recall());
    const status = said && (await this.corrected(said));
    if (status === null) return;
    this.accept(status);
    if (status.state !== 'unlocked' || this.holds === status.epoch) return;
    const keys = (await this.openByItself(status.epoch)) ?? (await this.deps.exchange?.obtain(status.epoch)) ?? null;
    // It may have been locked, or adopted, meanwhile.
    const wanted = this.seen?.epoch === status.epoch && this.holds !== status.epoch;
    if (keys !== null && wanted) this.hold(keys, status.epoch);
    else keys?.wipe();
  }

  private accept(status: VaultStatus): void {
    this.silentSince = null;
    const before = this.seen;
    this.seen = status;
    this.held.see(status);
    if (before?.epoch !== status.epoch || before.state !== status.state) this.tell();
  }

  /** Nobody says how it is: whoever knows says it again, and whoever can only guess waits for those. */
  private async recall(): Promise<VaultStatus | null> {
    const { opener, status } = this.deps;
    this.silentSince ??= performance.now();
    const held = this.held.keys !== null;
    const recalled = opener && (await this.noting(() => opener.recall(held)));
    if (recalled === null) return null;
    const { state, mode, isGuess } = recalled;
    if (isGuess && performance.now() - this.silentSince < SILENT_MS) return null;
    const epoch = await status.sayFirst(state, mode);
    if (epoch === null) return status.read();
    if (held && state === 'unlocked') this.held.renew(epoch);
    await status.announce();
    return { state, mode, epoch };
  }

  /** A Redis that has lost its last second has gone back: whoever holds newer keys than it knows of says again that it is open. */
  private async corrected(said: VaultStatus): Promise<VaultStatus | null> {
    const { status } = this.deps;
    if (said.state !== 'unlocked' || this.held.epoch <= said.epoch) return said;
    const { state, mode } = said;
    const epoch = await status.sayAfter(said, { state, mode });
    if (epoch === null) return status.read();
    this.held.renew(epoch);
    await status.announce();
    return { state, mode, epoch };
  }

  private async openByItself(epoch: number): Promise<DataKeys | null> {
    const { opener } = this.deps;
    if (opener === null || this.notByItself === epoch) return null;
    const keys = await this.noting(() => opener.open());
    // A record that is wrong, or not for this process, stays so until something new is said; a database that is away comes back.
    if (keys === null && !this.away) this.notByItself = epoch;
    return keys;
  }

  /** What the database answers; null where it, or what is in it, is at fault. Each fault is reported once. */
  private async noting<T>(ask: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await ask();
      this.problem = null;
      this.away = false;
      return answer;
    } catch (error) {
      if (!(error instanceof TokenhubError)) throw error;
      this.away = error.code === 'store_unavailable';
      if (this.problem !== error.message) this.deps.onError(error);
      this.problem = error.message;
      return null;
    }
  }

  private hold(keys: DataKeys, epoch: number): void {
    this.held.hold(keys, epoch);
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private report(error: unknown): void {
    if (!this.failing) this.deps.onError(error);
    this.failing = true;
  }
}

/** As `/ready` shows it: `key` tells whether this very process can read secrets. */
export function vaultView({ status, holds }: Pick<LiveVault, 'status' | 'holds'>): { state: string; key: boolean } {
  return { state: status?.state ?? 'uninitialised', key: holds !== null };
}
