import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startStack, type Stack } from '#testing/stack.js';
import { ADMIN_TOKEN, AdminCalls } from './admin-calls.js';

let stack: Stack;
const admin = new AdminCalls(() => stack);

beforeAll(async () => {
  stack = await startStack({ env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN } });
}, 120_000);

afterAll(() => stack.stop());

it('without a database what is declared is shown', async () => {
  const { body } = await admin.do('GET', 'models');
  expect((body.data as { id: string }[]).map(({ id }) => id)).toStrictEqual([
    'sim-embedding',
    'sim-large',
    'sim-small',
  ]);
  expect((await admin.do('GET', 'providers/simulator')).body).toMatchObject({ declared: true, ready: true });
});

it('without a database no key or project is set', async () => {
  const key = { project: 'default', scopes: ['jobs'] };
  for (const [method, path, body] of [
    ['POST', 'keys', key],
    ['PUT', 'keys/k', key],
    ['POST', 'projects', { id: 'p' }],
    ['PUT', 'projects/p', {}],
  ] as const) {
    const refused = await admin.send(method, path, { body });
    expect(refused).toMatchObject({ status: 409, body: { code: 'settings_not_kept' } });
  }
  const { body } = await admin.do('GET', 'projects');
  expect((body.data as { id: string }[]).map(({ id }) => id)).toEqual(['default']);
  expect((await admin.send('PATCH', 'keys/k', { body: { share: 2 } })).body.code).toBe('key_not_found');
});

it.each([
  ['POST', 'models'],
  ['PUT', 'models/m'],
  ['PATCH', 'models/sim-small'],
  ['DELETE', 'models/sim-small'],
])('without a database %s %s is refused by name', async (method, path) => {
  const body = method === 'DELETE' ? undefined : { id: path.split('/')[1] ?? 'm', provider: 'simulator' };
  expect(await admin.send(method, path, { body })).toMatchObject({ status: 409, body: { code: 'settings_not_kept' } });
});
