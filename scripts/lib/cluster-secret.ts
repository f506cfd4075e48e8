import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from './steps.ts';

const SHORTEST_BYTES = 32;

/**
 * What the processes of this start know one another by: `TOKENHUB_CLUSTER_SECRET`, or one that is made once, in a file that only its owner
 * can read. Throws an `ExpectedError` for a file that holds none. One start runs at a time in a folder, so nobody else makes it meanwhile.
 */
export function clusterSecret(env: NodeJS.ProcessEnv, stateDir: string): string {
  if (env.TOKENHUB_CLUSTER_SECRET?.trim()) return env.TOKENHUB_CLUSTER_SECRET;
  const file = join(stateDir, 'cluster-secret');
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  if (!existsSync(file))
    writeFileSync(file, randomBytes(SHORTEST_BYTES).toString('base64'), { mode: 0o600, flag: 'wx' });
  const secret = readFileSync(file, 'utf8').trim();
  if (Buffer.byteLength(secret) >= SHORTEST_BYTES) return secret;
  throw new ExpectedError(`${file} holds no secret: remove it, and it is made anew.`);
}
