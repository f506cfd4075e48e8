import { ConfigError } from './config-error.js';
import { secretNames, type SecretSource, type TokenhubConfig } from './config.js';
import { readVariable, type Environment } from './environment.js';
import { OutboundPolicy } from '../network/outbound-policy.js';
import { isWebhookSecret, WEBHOOK_SECRET_FORM } from './webhook-secret.js';

export interface WebhookSources {
  env: Environment;
  fileName: string;
}

/**
 * Checks the form of every webhook secret that this process can read, and that every endpoint's URL may be called. Throws a
 * ConfigError for the first fault; a secret that this process was not given is no fault, since another may have it.
 */
export function checkWebhooks(config: TokenhubConfig, { env, fileName }: WebhookSources): void {
  const policy = new OutboundPolicy(config.webhookAllow);
  const checkSecret = (source: SecretSource | null, { name, at }: { name: string; at: string }): void => {
    const secret = readSecret(source, { name, env, secrets: config.secrets });
    if (secret === undefined || isWebhookSecret(secret)) return;
    throw new ConfigError(source?.source === 'env' ? source.name : `${at}.value`, WEBHOOK_SECRET_FORM);
  };
  config.projects.forEach((project, i) => {
    const path = `${fileName}: projects[${i}]`;
    checkSecret(project.webhookSecret, { name: secretNames.project(project.id), at: `${path}.webhook_secret` });
    project.webhookEndpoints.forEach((endpoint, k) => {
      const at = `${path}.webhook_endpoints[${k}]`;
      const fault = policy.urlFault(endpoint.url);
      if (fault !== null) throw new ConfigError(`${at}.url`, `${fault} (see TOKENHUB_WEBHOOK_ALLOW)`);
      checkSecret(endpoint.secret, {
        name: secretNames.webhookEndpoint(project.id, endpoint.id),
        at: `${at}.secret`,
      });
    });
  });
}

interface SecretPlaces {
  name: string;
  env: Environment;
  secrets: ReadonlyMap<string, string>;
}

function readSecret(source: SecretSource | null, { name, env, secrets }: SecretPlaces): string | undefined {
  switch (source?.source) {
    case 'env':
      return readVariable(env, source.name);
    case 'config':
      return secrets.get(name);
    case 'escrow':
    case undefined:
      return undefined;
  }
}
