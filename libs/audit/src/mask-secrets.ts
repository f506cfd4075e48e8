export const MASK = '[masked]';

/** Fields whose text is a secret, or tells one: in any spelling. */
const SECRET_FIELDS = new Set([
  ...['secret', 'secrethash', 'sha256', 'hash', 'password', 'passphrase', 'token', 'accesstoken', 'admintoken'],
  ...['apikey', 'xapikey', 'authorization', 'cookie', 'credential', 'privatekey', 'encryptionkey', 'clustersecret'],
  // What is kept of a secret in place of it.
  ...['sealed', 'wrapped', 'hint'],
]);

/** What stands before the host of a URL, and what the fields of its query and fragment are set to. */
const USER_INFO = /([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi;
const QUERY_VALUE = /([?&#][^\s=&#]*=)[^\s&#]+/g;

/** Our own keys and webhook secrets, the vendors' keys, and what follows `Bearer` or `Basic`. */
const KNOWN_SECRETS = /\b(th_|whsec_|sk-|sk_)[A-Za-z0-9_+/=-]{12,}|\b(bearer |basic )[A-Za-z0-9._~+/=-]{8,}/gi;

/** Deeper than any definition; what is deeper is left out rather than let through. */
const DEEPEST = 16;

/**
 * A copy that may be kept for ever and shown to every administrator: the text of secret fields is masked, and so is, in any text, what
 * has the form of a key or stands where URLs have passwords.
 */
export function maskSecrets(value: object | null): object | null {
  return value === null ? null : (masked(value, 0) as object);
}

/**
 * As `maskSecrets`, for what was before or after this action: of a webhook endpoint's URL only the origin, since receivers hide tokens in its path.
 */
export function maskChange(action: string, value: object | null): object | null {
  const kept = maskSecrets(value);
  return kept !== null && action.startsWith('webhook_endpoint.') && 'url' in kept && typeof kept.url === 'string'
    ? { ...kept, url: originOf(kept.url) }
    : kept;
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : MASK;
}

function masked(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST) return MASK;
  if (Array.isArray(value)) return value.map((item) => masked(item, depth + 1));
  const entries = Object.entries(value).map(([name, field]: [string, unknown]) => {
    const secret = typeof field === 'string' && SECRET_FIELDS.has(name.toLowerCase().replaceAll(/[-_]/g, ''));
    return [maskText(name), secret ? MASK : masked(field, depth + 1)];
  });
  return Object.fromEntries(entries) as object;
}

/** A text without what looks like a secret. */
export function maskText(text: string): string {
  const bare = text.replaceAll(KNOWN_SECRETS, (_, key?: string, scheme?: string) => `${key ?? scheme ?? ''}${MASK}`);
  return bare.includes('://') ? bare.replaceAll(USER_INFO, `$1${MASK}@`).replaceAll(QUERY_VALUE, `$1${MASK}`) : bare;
}
