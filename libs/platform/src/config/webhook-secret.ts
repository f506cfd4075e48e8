const PREFIX = 'whsec_';
const SHORTEST = 24;
const LONGEST = 64;

/** What a secret must look like, for messages. */
export const WEBHOOK_SECRET_FORM = `must be ${PREFIX} and the base64 of ${SHORTEST} to ${LONGEST} bytes`;

/** True for a signing secret of Standard Webhooks: `whsec_` and the canonical base64 of 24 to 64 bytes. */
export function isWebhookSecret(secret: string): boolean {
  if (!secret.startsWith(PREFIX)) return false;
  const text = secret.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64');
  return bytes.length >= SHORTEST && bytes.length <= LONGEST && bytes.toString('base64') === text;
}
