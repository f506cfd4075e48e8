import type { DataKeys } from './data-keys.js';
import type { VaultStatus } from './vault-status.js';

/** How long the keys are kept while nobody can be asked whether the vault is still open. */
const UNSEEN_MS = 10_000;
/** How long they serve after others have newer ones: a rotation holds nothing up, and whoever is not given the new ones loses the old. */
const OUTDATED_MS = 5_000;

/** The data keys of a process, and when to let go of them: dropping overwrites them. */
export class HeldKeys {
  private held: { keys: DataKeys; epoch: number } | null = null;
  private seenAt: number;
  private outdatedSince: number | null = null;

  /** `onDrop` hears that keys which were held are no more. */
  constructor(
    private readonly onDrop: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.seenAt = now();
  }

  get keys(): DataKeys | null {
    return this.held?.keys ?? null;
  }

  /** Of the keys; 0 when there are none. */
  get epoch(): number {
    return this.held?.epoch ?? 0;
  }

  hold(keys: DataKeys, epoch: number): void {
    const before = this.held;
    this.held = { keys, epoch };
    this.outdatedSince = null;
    this.seenAt = this.now();
    if (before && before.keys !== keys) before.keys.wipe();
  }

  /** The same keys under a newer epoch; newer keys stay as they are. */
  renew(epoch: number): void {
    if (this.held && this.held.epoch < epoch) this.hold(this.held.keys, epoch);
  }

  /** This is said of the vault now. */
  see(status: VaultStatus): void {
    this.seenAt = this.now();
    if (status.state !== 'unlocked') {
      this.drop();
      return;
    }
    if (this.held === null || this.held.epoch === status.epoch) {
      this.outdatedSince = null;
      return;
    }
    this.outdatedSince ??= this.now();
    if (this.now() - this.outdatedSince > OUTDATED_MS) this.drop();
  }

  /** Nobody may hold keys that it cannot be told to drop. */
  dropUnlessSeen(): void {
    if (this.now() - this.seenAt > UNSEEN_MS) this.drop();
  }

  drop(): void {
    this.outdatedSince = null;
    if (this.held === null) return;
    this.held.keys.wipe();
    this.held = null;
    this.onDrop();
  }
}
