import { expect, it } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import type { SettingsChange, SettingsDocument, SettingsStore } from '#settings/settings-store.js';
import { FixedCipher } from '#testing/fixed-cipher.js';
import type { EndpointDefinition } from '#webhooks/endpoint-definition.js';
import type { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { EndpointDesk } from './endpoint-desk.js';
import { StoredEndpoints, type StoredEndpointsDeps } from './stored-endpoints.js';

const NOW = Date.UTC(2026, 10, 22);
const url = 'https://example.org/hook';
const away = new TokenhubError('store_unavailable');

/** A database of one document, which refuses U+0000 as PostgreSQL does. */
function keptInMemory(): { settings: SettingsStore; document: () => SettingsDocument | null } {
  let document: SettingsDocument | null = null;
  const settings: Pick<SettingsStore, 'read' | 'change'> = {
    read: (_kind, id) => {
      if (id.includes('\u0000')) return Promise.reject(new Error('invalid byte sequence'));
      return Promise.resolve(document?.id === id ? document : null);
    },
    change: (_kinds, decide) => {
      const [change] = decide(document ? [document] : []) as [Exclude<SettingsChange, { change: 'delete' }>];
      const { kind, id, definition } = change;
      const version = (document?.version ?? 0) + 1;
      document = { kind, id, definition, version, createdMs: NOW, updatedMs: NOW };
      return Promise.resolve({ documents: [document], revision: version, source: 'memory' });
    },
  };
  return { settings: settings as SettingsStore, document: () => document };
}

/** Redis fails all that is asked of it after the commit. */
function deskOf() {
  const { settings, document } = keptInMemory();
  const errors: unknown[] = [];
  const gone = (): Promise<never> => Promise.reject(away);
  const publisher: StoredEndpointsDeps['publisher'] = {
    publish: (_revision, options) => (options?.until === 'commit' ? Promise.resolve() : gone()),
  };
  const desk = new EndpointDesk({
    projects: [],
    stored: new StoredEndpoints({ settings, publisher, turns: { take: (_project, change) => change() } }),
    marks: { find: gone, clear: gone } as unknown as EndpointMarks,
    policy: new OutboundPolicy([]),
    cipher: new FixedCipher(),
    now: () => NOW,
    onError: (error) => void errors.push(error),
  });
  return { desk, errors, secrets: () => (document()?.definition as EndpointDefinition | undefined)?.secrets ?? [] };
}

it('an endpoint that is saved is shown with its secret, whatever fails behind it', async () => {
  const { desk, errors, secrets } = deskOf();
  const { secret } = await desk.create('p', { url, id: 'one' });
  expect(new FixedCipher().open('webhook-endpoint/p/one/1', secrets()[0]?.sealed ?? '')).toBe(secret);
  const rotated = await desk.rotate('p', 'one', { overlap_seconds: 60 });
  expect(new FixedCipher().open('webhook-endpoint/p/one/2', secrets()[0]?.sealed ?? '')).toBe(rotated.secret);
  expect(rotated).toMatchObject({ id: 'one', enabled: true, secrets: { length: 2 } });
  expect(errors).toEqual([away, away, away]);
});

it('a change that makes no secret is not answered as made before it is known', async () => {
  const { desk } = deskOf();
  await desk.create('p', { url, id: 'one' });
  await expect(desk.patch('p', 'one', { description: 'D' })).rejects.toBe(away);
});

it.each(['no\u0000ne', '', '..', 'x'.repeat(65)])('there is no endpoint of the id %j', async (id) => {
  const { desk } = deskOf();
  const notFound = { code: 'webhook_endpoint_not_found' };
  await expect(desk.read('p', id)).rejects.toMatchObject(notFound);
  await expect(desk.find('p', id)).rejects.toMatchObject(notFound);
  await expect(desk.patch('p', id, { enabled: true })).rejects.toMatchObject(notFound);
  await expect(desk.rotate('p', id, {})).rejects.toMatchObject(notFound);
  await expect(desk.delete('p', id)).rejects.toMatchObject(notFound);
});
