import { ConfigError } from './config-error.js';
import type { VaultConfig, VaultKeys } from './config.js';
import { readVariable, type Environment } from './environment.js';
import { readInteger } from './read-integer.js';

const ENCRYPTION_KEY_BYTES = 32;
const SHORTEST_SECRET_BYTES = 32;

/** What the vault is told by the environment. Throws a ConfigError that names the variable and repeats nothing of it. */
export function readVault(env: Environment): VaultConfig {
  const keys: VaultKeys = { encryptionKey: readEncryptionKey(env), clusterSecret: readClusterSecret(env) };
  const minutes = readInteger(env, 'TOKENHUB_VAULT_AUTO_LOCK_MINUTES', { min: 1, max: 1_440 }) ?? 15;
  return { keys: () => keys, autoLockMs: minutes * 60_000 };
}

function readEncryptionKey(env: Environment): Buffer | null {
  const value = readVariable(env, 'TOKENHUB_ENCRYPTION_KEY');
  if (value === undefined) return null;
  const key = Buffer.from(value, 'base64');
  if (key.length === ENCRYPTION_KEY_BYTES && key.toString('base64') === value) return key;
  throw new ConfigError(
    'TOKENHUB_ENCRYPTION_KEY',
    `must be the base64 of ${ENCRYPTION_KEY_BYTES} bytes (npm run tokenhub -- generate-key makes one)`,
  );
}

function readClusterSecret(env: Environment): Buffer | null {
  const value = readVariable(env, 'TOKENHUB_CLUSTER_SECRET');
  if (value === undefined) return null;
  const secret = Buffer.from(value, 'utf8');
  if (secret.length >= SHORTEST_SECRET_BYTES) return secret;
  throw new ConfigError(
    'TOKENHUB_CLUSTER_SECRET',
    `must have at least ${SHORTEST_SECRET_BYTES} bytes (npm run tokenhub -- generate-key makes one)`,
  );
}
