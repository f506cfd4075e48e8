import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { askWith, signIn } from './admin-client.js';
import { ask, type Answer } from './doors.js';
import { WebhookStack, type Endpoint } from './webhook-stack.js';

/* A key that changes its project's webhook endpoints as fast as it can. */

let hub: WebhookStack;

beforeAll(async () => {
  hub = await WebhookStack.start();
}, 90_000);

afterAll(() => hub.stop());

const CLIENTS = 200;
const WAVES = 3;

it('hundreds of changes at once keep no administrator from signing in and changing things at the same process', async () => {
  const [api] = hub.stack.apis;
  const { id } = await hub.newEndpoint('/flooded');
  const { body: theirs } = await hub.ask('POST', '', { as: 'other', body: { url: hub.receiver.url('/theirs') } });
  const made: string[] = [];
  const refused: Answer<Endpoint>[] = [];

  const flood = async (wave: number): Promise<void> => {
    const each = Array.from({ length: CLIENTS }, async (_, n) => {
      const description = `${wave}/${n}`;
      const answer = await hub.ask('PATCH', `/${id}`, { body: { description } });
      expect([200, 429]).toContain(answer.status);
      if (answer.status === 200) made.push(String(answer.body.description));
      else refused.push(answer);
    });
    await Promise.all(each);
  };
  const administer = async (wave: number): Promise<void> => {
    const session = await signIn(api?.url ?? '');
    const project = `${api?.url ?? ''}/admin/v1/projects/wave-${wave}`;
    const { status } = await askWith(session, project, { method: 'PUT', body: {} });
    expect([project, status]).toEqual([project, 201]);
    const other = await hub.ask('PATCH', `/${theirs.id}`, { as: 'other', body: { description: `wave ${wave}` } });
    expect(other.status).toBe(200);
  };

  for (let wave = 0; wave < WAVES; wave++) await Promise.all([flood(wave), administer(wave)]);
  expect(made.length).toBeGreaterThan(0);
  expect(made).toContain((await hub.read(id)).description);
  expect(refused.length).toBeGreaterThan(CLIENTS);
  for (const { body, headers } of refused) {
    expect(body.code).toBe('rate_limit_exceeded');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
}, 120_000);

it.each([
  ['', 'post'],
  ['/{id}', 'patch'],
  ['/{id}', 'delete'],
  ['/{id}/rotate', 'post'],
])('the OpenAPI document says of %s (%s) that it is limited, and how that is answered', async (path, method) => {
  const { body } = await ask(`${hub.stack.url}/docs/openapi.json`);
  const routes = body.paths as Record<string, Record<string, { description?: string }>>;
  const { description } = routes[`/v1/webhook-endpoints${path}`]?.[method] ?? {};
  expect(description).toMatch(/50 times in 10 s.*429 rate_limit_exceeded/);
});
