import type { CredentialSource, Provider } from '#contracts/registry-snapshot.js';
import { secretNames } from '#platform/config/config.js';
import { isOwnVariable, readVariable, type Environment } from '#platform/config/environment.js';

/** `missing`: this process was not given the secret. `unavailable`: it lies in the vault, which is locked. Reasons hold no secret. */
export type CredentialResult =
  | { state: 'resolved'; secret: string | null }
  | { state: 'missing'; reason: string }
  | { state: 'unavailable'; reason: string };

export interface CredentialStores {
  env: Environment;
  /** `secrets` of this process's configuration. */
  configSecrets: ReadonlyMap<string, string>;
  /** Absent where there is no vault. */
  escrow?: SecretEscrow;
}

/** The secrets of the vault, as this process can read them at this moment. */
export interface SecretEscrow {
  find(name: string): CredentialResult;
}

/** The secret that calls to this provider carry; resolved as null for a provider that takes none. */
export function resolveCredential(
  provider: Pick<Provider, 'id' | 'credential'>,
  stores: CredentialStores,
): CredentialResult {
  return resolveSecret(
    provider.credential,
    { name: secretNames.provider(provider.id), owner: `provider ${provider.id}` },
    stores,
  );
}

/** The secret that lies at this source; `name` is what the configuration's own secrets are kept under, `owner` is for messages. */
export function resolveSecret(
  source: CredentialSource,
  { name, owner }: { name: string; owner: string },
  { env, configSecrets, escrow }: CredentialStores,
): CredentialResult {
  switch (source.source) {
    case 'none':
      return { state: 'resolved', secret: null };
    case 'env':
      if (isOwnVariable(source.name)) {
        return { state: 'missing', reason: `the variable ${source.name} is Tokenhub's own` };
      }
      return found(readVariable(env, source.name), `the variable ${source.name} is not set`);
    case 'config':
      return found(configSecrets.get(name), `this process's configuration file has no secret for ${owner}`);
    case 'escrow':
      return escrow ? escrow.find(source.name) : { state: 'missing', reason: 'this process has no vault' };
  }
}

function found(secret: string | undefined, reason: string): CredentialResult {
  return secret === undefined ? { state: 'missing', reason } : { state: 'resolved', secret };
}
