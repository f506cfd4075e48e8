import { expect, it } from '@jest/globals';
import { documentId, madeEndpoints, ownerOf, secretName, type EndpointDefinition } from './endpoint-definition.js';

const definition: EndpointDefinition = {
  ...{ url: 'https://e.org/', events: ['job.failed'], description: 'For people', disabled: null },
  armed_at: '2026-11-22T00:00:00.000Z',
  secrets: [
    { n: 2, sealed: 'v1.two', hint: 'whsec_…2222', created_at: '2026-11-22T00:00:00.000Z', ends_at: null },
    { n: 1, sealed: 'v1.one', hint: 'whsec_…1111', created_at: 'x', ends_at: '2026-11-23T00:00:00.000Z' },
  ],
};

it.each([
  ['p', 'hook'],
  ['a.b-c', 'd.e_f'],
  ['default', 'we_0123456789abcdef'],
])('a document tells whose endpoint it is: %s, %s', (project, endpoint) => {
  expect(ownerOf(documentId(project, endpoint))).toEqual({ project, endpoint });
});

it('what is published is what processes need, and nothing that people wrote', () => {
  const id = documentId('p', 'hook');
  const published = madeEndpoints([{ id, definition: { ...definition, more: 'than is known' } }]);
  expect(published.endpoints).toEqual([
    {
      ...{ project: 'p', id: 'hook', url: 'https://e.org/', events: ['job.failed'], enabled: true },
      armedAtMs: Date.UTC(2026, 10, 22),
      secrets: [
        { name: secretName(id, 2), sealed: 'v1.two', endsAtMs: null },
        { name: secretName(id, 1), sealed: 'v1.one', endsAtMs: Date.UTC(2026, 10, 23) },
      ],
    },
  ]);
  for (const word of ['For people', 'than is known', 'hint']) expect(JSON.stringify(published)).not.toContain(word);
});

it('one that is disabled, for whatever reason, is published as such', () => {
  const disabled = { reason: 'failing', since: 'x', last_error: null } as const;
  const { endpoints } = madeEndpoints([{ id: 'p/e', definition: { ...definition, disabled } }]);
  expect(endpoints[0]?.enabled).toBe(false);
});
