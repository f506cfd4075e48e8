import { isIP } from 'node:net';
import { ConfigError } from './config-error.js';
import { readVariable, type Environment } from './environment.js';

/** Reads `TOKENHUB_TRUSTED_PROXIES`: addresses and subnets. Throws a ConfigError for anything else: a name could become anybody's. */
export function readTrustedProxies(env: Environment): string[] {
  const value = readVariable(env, 'TOKENHUB_TRUSTED_PROXIES');
  if (value === undefined) return [];
  const entries = value.split(',').map((entry) => entry.trim());
  if (entries.every(isBlock)) return entries;
  throw new ConfigError(
    'TOKENHUB_TRUSTED_PROXIES',
    'must be a comma-separated list of addresses and subnets such as 10.0.0.0/8',
  );
}

/** A subnet of length 0 would trust everybody. */
function isBlock(entry: string): boolean {
  const [address = '', prefix, ...rest] = entry.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}
