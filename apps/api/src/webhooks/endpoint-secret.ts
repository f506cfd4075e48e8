import { randomBytes } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { isWebhookSecret, WEBHOOK_SECRET_FORM } from '#platform/config/webhook-secret.js';
import type { Cipher } from '#vault/cipher.js';
import { secretName, type EndpointSecret } from '#webhooks/endpoint-definition.js';

const RANDOM_BYTES = 32;
const HINT_CHARACTERS = 4;

/** Each is one more signature in every message. */
const MOST_SECRETS = 5;

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

/**
 * The secrets after a rotation. Those before go on signing for the overlap, or until the end that they have already: a rotation whose answer was
 * lost, and that is asked for again, ends none that a receiver knows. Without an overlap all others end now. Throws
 * `too_many_secrets` when too many still sign.
 */
export function rotated(
  secrets: readonly EndpointSecret[],
  next: EndpointSecret,
  { nowMs, overlapMs }: { nowMs: number; overlapMs: number },
): EndpointSecret[] {
  if (overlapMs === 0) return [next];
  const live = liveSecrets(secrets, nowMs);
  if (live.length >= MOST_SECRETS) {
    const message = `${live.length} secrets of it still sign: wait until one ends, or end them all now with overlap_seconds 0.`;
    throw new TokenhubError('too_many_secrets', message);
  }
  return [next, ...live.map((secret) => ({ ...secret, ends_at: secret.ends_at ?? iso(nowMs + overlapMs) }))];
}

/** Those that still sign. */
export function liveSecrets(secrets: readonly EndpointSecret[], nowMs: number): EndpointSecret[] {
  return secrets.filter(({ ends_at: endsAt }) => endsAt === null || Date.parse(endsAt) > nowMs);
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
