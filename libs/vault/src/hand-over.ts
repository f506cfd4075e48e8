import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isJsonObject } from '#contracts/json.js';
import { DataKeys } from './data-keys.js';
import { openBox, sealBox, type BoxKeyPair } from './sealed-box.js';

/** How long a request or an answer counts; what claims to count for longer is refused. */
export const HAND_OVER_MS = 10_000;
const LONGEST_MS = 30_000;

/** Why a request or an answer is refused. */
export type HandOverFault = 'malformed' | 'mac' | 'process' | 'epoch' | 'expired' | 'replayed' | 'box';

/** A request or an answer that is not to be believed; it holds nothing of what was in it. */
export class HandOverRefused extends Error {
  override readonly name = 'HandOverRefused';

  constructor(
    readonly fault: HandOverFault,
    readonly kind: 'ask' | 'answer',
  ) {
    super(`${kind} refused: ${fault}`);
  }
}

/** What both say; each is its own text field, and all are under the MAC. */
interface Words {
  process: string;
  publicKey: string;
  epoch: number;
  expiresMs: number;
  nonce: string;
  /** The data keys, sealed for the public key; null in a request. */
  box: string | null;
}

/** A process's part in handing over the data keys: sealed boxes, under a MAC that only processes with the cluster's secret can make. */
export class HandOver {
  private readonly publicKey: string;
  /** The request that an answer must be to. */
  private asked: string | null = null;
  /** Requests that were answered, by their nonces, with the times when they expire. */
  private readonly answered = new Map<string, number>();

  constructor(
    private readonly self: { processId: string; pair: BoxKeyPair; clusterSecret: Buffer },
    private readonly now: () => number = Date.now,
  ) {
    this.publicKey = Buffer.from(self.pair.publicKey).toString('base64url');
  }

  /** A request for the data keys of this epoch; only an answer to the newest one is taken. */
  ask(epoch: number): string {
    const nonce = randomBytes(16).toString('base64url');
    this.asked = nonce;
    const { processId: process } = this.self;
    return this.write('ask', { process, publicKey: this.publicKey, epoch, expiresMs: this.expiry(), nonce, box: null });
  }

  /** The answer to a request of this process. Throws `HandOverRefused`. */
  answer(text: string, { process, epoch, keys }: { process: string; epoch: number; keys: DataKeys }): string {
    const words = this.read('ask', text, { process, epoch });
    this.forgetExpired();
    if (this.answered.has(words.nonce)) throw new HandOverRefused('replayed', 'ask');
    this.answered.set(words.nonce, words.expiresMs);
    const content = keys.toBytes();
    const box = seal(content, words.publicKey);
    content.fill(0);
    return this.write('answer', { ...words, expiresMs: this.expiry(), box });
  }

  /** The data keys in an answer to this process's newest request. Throws `HandOverRefused`. */
  accept(text: string, epoch: number): DataKeys {
    const words = this.read('answer', text, { process: this.self.processId, epoch });
    if (words.publicKey !== this.publicKey) throw new HandOverRefused('process', 'answer');
    if (words.nonce !== this.asked) throw new HandOverRefused('replayed', 'answer');
    const content = openBox(Buffer.from(words.box ?? '', 'base64url'), this.self.pair);
    if (content === null) throw new HandOverRefused('box', 'answer');
    this.asked = null;
    return keysIn(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }

  private read(kind: 'ask' | 'answer', text: string, expected: { process: string; epoch: number }): Words {
    const words = wordsIn(kind, text);
    if (!this.isAuthentic(kind, words)) throw new HandOverRefused('mac', kind);
    if (words.process !== expected.process) throw new HandOverRefused('process', kind);
    if (words.epoch !== expected.epoch) throw new HandOverRefused('epoch', kind);
    const leftMs = words.expiresMs - this.now();
    if (leftMs <= 0 || leftMs > LONGEST_MS) throw new HandOverRefused('expired', kind);
    return words;
  }

  private write(kind: 'ask' | 'answer', words: Words): string {
    return JSON.stringify({ ...words, mac: this.macOf(kind, words).toString('base64url') });
  }

  private isAuthentic(kind: 'ask' | 'answer', words: Words & { mac: string }): boolean {
    const given = Buffer.from(words.mac, 'base64url');
    const right = this.macOf(kind, words);
    return given.length === right.length && timingSafeEqual(given, right);
  }

  private macOf(kind: 'ask' | 'answer', { process, publicKey, epoch, expiresMs, nonce, box }: Words): Buffer {
    const text = JSON.stringify(['tokenhub-hand-over', kind, process, publicKey, epoch, expiresMs, nonce, box]);
    return createHmac('sha256', this.self.clusterSecret).update(text).digest();
  }

  private expiry(): number {
    return this.now() + HAND_OVER_MS;
  }

  private forgetExpired(): void {
    const now = this.now();
    for (const [nonce, expiresMs] of this.answered) if (expiresMs <= now) this.answered.delete(nonce);
  }
}

function wordsIn(kind: 'ask' | 'answer', text: string): Words & { mac: string } {
  const { process, publicKey, epoch, expiresMs, nonce, box, mac } = parsed(text);
  if (
    typeof process !== 'string' ||
    typeof publicKey !== 'string' ||
    typeof epoch !== 'number' ||
    typeof expiresMs !== 'number' ||
    typeof nonce !== 'string' ||
    typeof mac !== 'string' ||
    (kind === 'ask' ? box !== null : typeof box !== 'string')
  ) {
    throw new HandOverRefused('malformed', kind);
  }
  return { process, publicKey, epoch, expiresMs, nonce, box: typeof box === 'string' ? box : null, mac };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    // Not JSON is malformed, as is JSON without the fields.
    return {};
  }
}

function seal(content: Buffer, publicKey: string): string {
  try {
    return Buffer.from(sealBox(content, Buffer.from(publicKey, 'base64url'))).toString('base64url');
  } catch {
    throw new HandOverRefused('box', 'ask');
  }
}

function keysIn(content: Buffer): DataKeys {
  try {
    return DataKeys.fromBytes(content);
  } catch {
    throw new HandOverRefused('box', 'answer');
  } finally {
    content.fill(0);
  }
}
