import { describe, expect, it } from '@jest/globals';
import { FixedCipher } from '#testing/fixed-cipher.js';
import type { EndpointSecret } from '#webhooks/endpoint-definition.js';
import { isWebhookSecret } from '#platform/config/webhook-secret.js';
import { liveSecrets, rotated, sealedSecret, signingSecret } from './endpoint-secret.js';

const NOW = Date.UTC(2026, 10, 22);
const GIVEN = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;

describe('a signing secret', () => {
  it('is made up anew each time, in the form of Standard Webhooks', () => {
    const made = Array.from({ length: 20 }, () => signingSecret(undefined));
    expect(new Set(made).size).toBe(20);
    for (const secret of made)
      expect([isWebhookSecret(secret), Buffer.from(secret.slice(6), 'base64').length]).toEqual([true, 32]);
  });

  it('is the one that is given', () => expect(signingSecret(GIVEN)).toBe(GIVEN));

  it.each(['', 'whsec_', 'whsec_short', GIVEN.slice(6), `${GIVEN}=`, ` ${GIVEN}`, `whsec_${'A'.repeat(100)}`])(
    '%j is refused without being repeated',
    (given) => {
      const refused = expect(() => signingSecret(given));
      refused.toThrow(expect.objectContaining({ code: 'invalid_value', options: { param: 'secret' } }));
      if (given !== '' && given !== 'whsec_') refused.not.toThrow(given);
    },
  );

  it('is kept sealed under its endpoint and number, with a hint of four characters', () => {
    const cipher = new FixedCipher();
    const kept = sealedSecret(GIVEN, { documentId: 'p/e', n: 3, nowMs: NOW, cipher });
    expect(kept).toMatchObject({
      n: 3,
      hint: `whsec_…${GIVEN.slice(-4)}`,
      created_at: '2026-11-22T00:00:00.000Z',
      ends_at: null,
    });
    expect(JSON.stringify(kept)).not.toContain(GIVEN.slice(6, 26));
    expect(cipher.open('webhook-endpoint/p/e/3', kept.sealed)).toBe(GIVEN);
    expect(() => cipher.open('webhook-endpoint/p/e/2', kept.sealed)).toThrow();
  });
});

describe('a rotation', () => {
  const one = (n: number, endsAt: string | null = null): EndpointSecret => ({
    ...{ n, sealed: `s${n}`, hint: '', created_at: '', ends_at: endsAt },
  });
  const later = new Date(NOW + 60_000).toISOString();

  it('lets what signs go on until the overlap ends, or until the end that it has: asked for twice it cuts nobody off', () => {
    const sooner = new Date(NOW + 1).toISOString();
    const secrets = [one(3), one(2, sooner), one(1, new Date(NOW).toISOString())];
    const once = rotated(secrets, one(4), { nowMs: NOW, overlapMs: 60_000 });
    expect(once).toEqual([one(4), one(3, later), one(2, sooner)]);
    const again = rotated(once, one(5), { nowMs: NOW, overlapMs: 90_000 });
    expect(again).toEqual([one(5), one(4, new Date(NOW + 90_000).toISOString()), one(3, later), one(2, sooner)]);
  });

  it('is refused where five sign already, unless it ends them', () => {
    const five = [one(5), ...[4, 3, 2, 1].map((n) => one(n, later))];
    expect(() => rotated(five, one(6), { nowMs: NOW, overlapMs: 1 })).toThrow(
      expect.objectContaining({ code: 'too_many_secrets' }),
    );
    expect(rotated(five, one(6), { nowMs: NOW, overlapMs: 0 })).toEqual([one(6)]);
    expect(rotated(five, one(6), { nowMs: NOW + 60_000, overlapMs: 1 })).toHaveLength(2);
  });

  it('without an overlap leaves the new one alone', () => {
    expect(rotated([one(2), one(1, later)], one(3), { nowMs: NOW, overlapMs: 0 })).toEqual([one(3)]);
  });

  it('ends at its moment', () => {
    const secrets = [one(2), one(1, later)];
    expect(liveSecrets(secrets, NOW + 59_999)).toEqual(secrets);
    expect(liveSecrets(secrets, NOW + 60_000)).toEqual([one(2)]);
  });
});
