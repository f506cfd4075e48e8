import { randomBytes } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { isWebhookSecret, WEBHOOK_SECRET_FORM } from '#platform/config/webhook-secret.js';
import type { Cipher } from '#vault/cipher.js';
import { secretName, type EndpointSecret } from '#webhooks/endpoint-definition.js';

const RANDOM_BYTES = 32;
const HINT_CHARACTERS = 4;

/** A secret that nobody can guess, or the one that is given; throws for one of another form, without repeating it. */
export function signingSecret(given: string | undefined | null): string {
  if (given == null) return `whsec_${randomBytes(RANDOM_BYTES).toString('base64')}`;
  if (isWebhookSecret(given)) return given;
  throw new TokenhubError('invalid_value', `secret ${WEBHOOK_SECRET_FORM}.`, { param: 'secret' });
}

/** What is kept of a new secret of the endpoint whose document has this id. Throws while the vault is closed. */
export function sealedSecret(
  secret: string,
  { documentId, n, nowMs, cipher }: { documentId: string; n: number; nowMs: number; cipher: Cipher },
): EndpointSecret {
  return {
    n,
    sealed: cipher.seal(secretName(documentId, n), secret),
    hint: `whsec_…${secret.slice(-HINT_CHARACTERS)}`,
    created_at: iso(nowMs),
    ends_at: null,
  };
}

/** The secrets after a rotation: the new one, and the newest before it until the overlap ends. No more than two ever sign. */
export function rotated(
  secrets: readonly EndpointSecret[],
  next: EndpointSecret,
  { nowMs, overlapMs }: { nowMs: number; overlapMs: number },
): EndpointSecret[] {
  const [newest] = secrets;
  return newest && overlapMs > 0 ? [next, { ...newest, ends_at: iso(nowMs + overlapMs) }] : [next];
}

/** Those that still sign. */
export function liveSecrets(secrets: readonly EndpointSecret[], nowMs: number): EndpointSecret[] {
  return secrets.filter(({ ends_at: endsAt }) => endsAt === null || Date.parse(endsAt) > nowMs);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
