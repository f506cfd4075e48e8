import { randomBytes } from 'node:crypto';
import { KEY_BYTES } from './aes-gcm.js';
import type { DataKey } from './sealed-text.js';

const VERSION_BYTES = 4;
const ENTRY_BYTES = VERSION_BYTES + KEY_BYTES;

/** The data keys of the vault: new secrets are sealed with the newest, older ones open what was sealed before. */
export class DataKeys {
  private wiped = false;

  /** In order of their versions; they belong to this object from now on. */
  private constructor(private readonly entries: readonly DataKey[]) {}

  /** Of a new vault. */
  static first(): DataKeys {
    return new DataKeys([{ version: 1, key: randomBytes(KEY_BYTES) }]);
  }

  /** Throws a RangeError unless versions and lengths are in order. */
  static of(entries: readonly DataKey[]): DataKeys {
    const rising = entries.every(({ version }, i) => version > (entries[i - 1]?.version ?? 0));
    if (entries.length === 0 || !rising || entries.some(({ key }) => key.length !== KEY_BYTES)) {
      throw new RangeError('these are no data keys');
    }
    return new DataKeys(entries);
  }

  /** What `toBytes` gave. Throws a RangeError for anything else. */
  static fromBytes(bytes: Buffer): DataKeys {
    if (bytes.length % ENTRY_BYTES !== 0) throw new RangeError('these are no data keys');
    const entries = Array.from({ length: bytes.length / ENTRY_BYTES }, (_, i) => {
      const at = i * ENTRY_BYTES;
      return {
        version: bytes.readUInt32BE(at),
        key: Buffer.from(bytes.subarray(at + VERSION_BYTES, at + ENTRY_BYTES)),
      };
    });
    return DataKeys.of(entries);
  }

  /** The newest. */
  get active(): DataKey {
    const active = this.entries.at(-1);
    if (!active || this.wiped) throw new Error('the data keys were wiped');
    return active;
  }

  all(): readonly DataKey[] {
    return this.wiped ? [] : this.entries;
  }

  /** Undefined when it is not among these. */
  find(version: number): DataKey | undefined {
    return this.all().find((entry) => entry.version === version);
  }

  /** These and a new one, which is the active one of the result. */
  withNext(): DataKeys {
    const copies = this.all().map(({ version, key }) => ({ version, key: Buffer.from(key) }));
    return DataKeys.of([...copies, { version: this.active.version + 1, key: randomBytes(KEY_BYTES) }]);
  }

  /** For the hand-over; whoever asks for it overwrites it. */
  toBytes(): Buffer {
    const bytes = Buffer.alloc(this.all().length * ENTRY_BYTES);
    for (const [i, { version, key }] of this.all().entries()) {
      bytes.writeUInt32BE(version, i * ENTRY_BYTES);
      key.copy(bytes, i * ENTRY_BYTES + VERSION_BYTES);
    }
    return bytes;
  }

  /** Overwrites every key. */
  wipe(): void {
    this.wiped = true;
    for (const { key } of this.entries) key.fill(0);
  }
}
