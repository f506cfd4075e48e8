import { hash } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';

const LONGEST_KEY = 255;

/**
 * Reads an `Idempotency-Key` header, quoted (as the draft's structured field) or bare; null when absent. Throws
 * `invalid_value` for an empty or over-long one.
 */
export function parseIdempotencyKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const raw = String(header).trim();
  const key = /^".*"$/.test(raw) ? raw.slice(1, -1) : raw;
  if (key === '' || key.length > LONGEST_KEY) {
    throw new TokenhubError('invalid_value', `Idempotency-Key must have 1 to ${LONGEST_KEY} characters.`, {
      param: 'Idempotency-Key',
    });
  }
  return key;
}

/** What makes two requests the same: project, route and key; and the fingerprint that their bodies must share. */
export function idempotencyOf(
  key: string | null,
  request: { project: string; route: string; body: unknown },
): NewJob['idempotency'] {
  if (key === null) return null;
  return {
    key: keys.idempotency(request.project, request.route, hash('sha256', key)),
    fingerprint: hash('sha256', JSON.stringify(request.body)),
  };
}
