import { describe, expect, it } from '@jest/globals';
import { MASK, maskChange, maskSecrets, maskText } from './mask-secrets.js';

const CANARY = 'c4n4ry-0123456789';

describe('what is kept of a change', () => {
  it.each([
    ['a hash of a key', { secrets: [{ sha256: CANARY, hint: 'th_AbCd…wxyz' }] }],
    ['what is kept of a signing secret', { secrets: [{ n: 1, sealed: CANARY, hint: CANARY }] }],
    ['a wrapped key', { keys: { wrapped: CANARY } }],
    ['a secret by any of its names', { a: { secret: CANARY }, b: { apiKey: CANARY }, c: { 'API-Key': CANARY } }],
    ['a credential that is a text', { credential: CANARY }],
    ['a password before a host', { base_url: `https://admin:${CANARY}@vllm.internal/v1` }],
    ['a user name before a host', { endpoints: [`http://${CANARY}@vllm.internal`] }],
    ['what a URL is asked with', { base_url: `https://llm.example/v1?key=${CANARY}&v=1` }],
    ['a key of ours in a reason', { reason: `th_${CANARY} was stolen` }],
    ['a webhook secret', { note: `whsec_${CANARY}` }],
    ['a key of a vendor', { note: `they sent sk-ant-${CANARY}` }],
    ['what follows Bearer', { note: `Authorization: Bearer ${CANARY}` }],
    ['a key that is used as a name', { [`th_${CANARY}`]: true }],
    ['what lies deeper than any definition', deep(40)],
  ])('does not hold %s', (_what, change) => {
    const kept = JSON.stringify(maskSecrets(change));
    expect(kept).not.toContain(CANARY);
    expect(kept).toContain(MASK);
  });

  it('is otherwise as it was given', () => {
    const definition = {
      ...{ id: 'openai', type: 'openai', base_url: 'https://api.openai.com/v1', enabled: true, nothing: null },
      credential: { source: 'env', name: 'OPENAI_API_KEY' },
      limits: { tpm: 2_000_000 },
      secrets: [{ sha256: 'x', hint: 'th_AbCd…wxyz', ends_at: null }],
      members: [{ model: 'llama3:8b', weight: 0.5 }],
    };
    expect(maskSecrets(definition)).toEqual({
      ...definition,
      secrets: [{ sha256: MASK, hint: MASK, ends_at: null }],
    });
    expect(maskSecrets(null)).toBeNull();
  });

  it('names where a URL leads', () => {
    expect(maskText('see https://a:b@host.example/path?token=t#at=t')).toBe(
      `see https://${MASK}@host.example/path?token=${MASK}#at=${MASK}`,
    );
  });
});

it('of a webhook endpoint only the origin of its URL is kept', () => {
  const definition = { url: `https://hooks.example:8443/${CANARY}?t=${CANARY}`, events: ['job.*'] };
  const kept = { url: 'https://hooks.example:8443', events: ['job.*'] };
  expect(maskChange('webhook_endpoint.deleted', definition)).toEqual(kept);
  expect(maskChange('webhook_endpoint.deleted', { url: CANARY })).toEqual({ url: MASK });
  expect(maskChange('webhook_endpoint.deleted', null)).toBeNull();
  expect(maskChange('provider.updated', { url: 'https://llm.example/v1' })).toEqual({ url: 'https://llm.example/v1' });
});

function deep(levels: number): object {
  return levels === 0 ? { text: CANARY } : { under: deep(levels - 1) };
}
