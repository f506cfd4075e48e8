/** `npm run tokenhub -- <command>`: small things that an administrator needs at a terminal. */
import { randomBytes } from 'node:crypto';

const USAGE =
  'Usage: npm run tokenhub -- generate-key   (32 random bytes, for TOKENHUB_ENCRYPTION_KEY or TOKENHUB_CLUSTER_SECRET)';

/** Resolves with the exit code: 0, or 2 after the usage. */
export function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command !== 'generate-key' || rest.length > 0) {
    console.error(USAGE);
    return Promise.resolve(2);
  }
  console.log(generateKey());
  return Promise.resolve(0);
}

/** What `TOKENHUB_ENCRYPTION_KEY` takes: 32 random bytes as base64. */
export function generateKey(): string {
  return randomBytes(32).toString('base64');
}
