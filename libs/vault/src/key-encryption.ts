import { argon2, randomBytes, type Argon2Parameters } from 'node:crypto';
import { KEY_BYTES } from './aes-gcm.js';

/** How a key-encryption key is made of a password; kept with the record, so that later versions may ask for more. */
export interface PasswordKdf {
  algorithm: 'argon2id';
  memoryKib: number;
  passes: number;
  parallelism: number;
  /** base64 */
  salt: string;
}

/** Shorter passwords are refused. */
export const SHORTEST_PASSWORD = 12;
/** Longer ones only cost time. */
export const LONGEST_PASSWORD = 1_024;

const SALT_BYTES = 16;
/** A record that asks for more has been tampered with: it would take the machine's memory. */
const MOST = { memoryKib: 1_048_576, passes: 20, parallelism: 16 };
const LEAST = { memoryKib: 19_456, passes: 1, parallelism: 1 };

/** What new passwords are hashed with: 64 MiB, three passes, four lanes. */
export function newPasswordKdf(): PasswordKdf {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  return { algorithm: 'argon2id', memoryKib: 65_536, passes: 3, parallelism: 4, salt };
}

/** True for parameters that a record may have. */
export function isPasswordKdf(value: unknown): value is PasswordKdf {
  const { algorithm, salt, ...costs } = (value ?? {}) as Partial<PasswordKdf>;
  const names = ['memoryKib', 'passes', 'parallelism'] as const;
  const within = names.every((name) => {
    const cost = costs[name];
    return Number.isInteger(cost) && cost !== undefined && cost >= LEAST[name] && cost <= MOST[name];
  });
  return (
    algorithm === 'argon2id' && within && typeof salt === 'string' && Buffer.from(salt, 'base64').length >= SALT_BYTES
  );
}

/** Derivations wait for one another: each takes its memory and the processor for a quarter of a second. */
let last: Promise<unknown> = Promise.resolve();

/** The key-encryption key of a password. Off the event loop, and one at a time in a process. */
export function keyOfPassword(password: string, kdf: PasswordKdf): Promise<Buffer> {
  const derived = last.then(() => derive(password, kdf));
  last = derived.catch(() => undefined);
  return derived;
}

function derive(password: string, { memoryKib, passes, parallelism, salt }: PasswordKdf): Promise<Buffer> {
  // Keyboards differ in how they write the same letters.
  const message = Buffer.from(password.normalize('NFKC'), 'utf8');
  const parameters: Argon2Parameters = {
    ...{ message, passes, parallelism, memory: memoryKib, tagLength: KEY_BYTES },
    nonce: Buffer.from(salt, 'base64'),
  };
  return new Promise<Buffer>((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => {
      message.fill(0);
      if (error) reject(error);
      else resolve(key);
    });
  });
}
