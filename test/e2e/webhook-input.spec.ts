import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { simulatorConfig } from '#testing/simulator-config.js';
import { startStack, type Stack } from '#testing/stack.js';
import { ask, type Json } from './doors.js';
import { WebhookStack, type Endpoint, type Page } from './webhook-stack.js';

/* What the doors of webhook endpoints refuse. */

let hub: WebhookStack;

beforeAll(async () => {
  hub = await WebhookStack.start();
  await hub.newEndpoint('/first', { id: 'first' });
}, 90_000);

afterAll(() => hub.stop());

const url = 'https://example.org/hook';

describe('an endpoint', () => {
  it.each<[string, unknown, string, string | undefined]>([
    ['no URL', {}, 'missing_required_parameter', 'url'],
    ['a URL of nothing', { url: '' }, 'invalid_value', 'url'],
    ['no text', { url: 7 }, 'invalid_type', 'url'],
    ['plain http', { url: 'http://example.org/hook' }, 'invalid_value', 'url'],
    ['another scheme', { url: 'file:///etc/passwd' }, 'invalid_value', 'url'],
    ['a script', { url: 'javascript:alert(1)' }, 'invalid_value', 'url'],
    ['a user name', { url: 'https://user@example.org/' }, 'invalid_value', 'url'],
    ['a password', { url: 'https://user:word@example.org/' }, 'invalid_value', 'url'],
    ['a fragment', { url: 'https://example.org/#x' }, 'invalid_value', 'url'],
    ['another port', { url: 'https://example.org:22/' }, 'invalid_value', 'url'],
    ['a private address', { url: 'https://10.0.0.1/' }, 'invalid_value', 'url'],
    ['a private address in other words', { url: 'https://0x0a000001/' }, 'invalid_value', 'url'],
    ['a mapped private address', { url: 'https://[::ffff:192.168.0.1]/' }, 'invalid_value', 'url'],
    ['metadata of a cloud', { url: 'https://169.254.169.254/latest/meta-data' }, 'invalid_value', 'url'],
    ['a local name', { url: 'https://api.localhost/' }, 'invalid_value', 'url'],
    ['an endless URL', { url: `https://example.org/${'x'.repeat(2_048)}` }, 'invalid_value', 'url'],
    ['an unknown event', { url, events: ['job.started'] }, 'invalid_value', 'events'],
    ['no event', { url, events: [] }, 'invalid_value', 'events'],
    ['an event twice', { url, events: ['job.failed', 'job.failed'] }, 'invalid_value', 'events'],
    ['events that are a text', { url, events: 'job.*' }, 'invalid_type', 'events'],
    ['no events at all', { url, events: null }, 'invalid_type', 'events'],
    ['a description of nothing', { url, description: '' }, 'invalid_value', 'description'],
    ['an oversize description', { url, description: 'x'.repeat(201) }, 'invalid_value', 'description'],
    ['a description that is an object', { url, description: {} }, 'invalid_type', 'description'],
    ['a description that steers a terminal', { url, description: 'a\u001b[2Jb' }, 'invalid_value', 'description'],
    ['a description with a line break', { url, description: 'a\nb' }, 'invalid_value', 'description'],
    ['a description that runs backwards', { url, description: 'a\u202eb' }, 'invalid_value', 'description'],
    ['a description with NUL', { url, description: 'a\0b' }, 'invalid_value', 'description'],
    ['a description with half a character', { url, description: 'a\ud800' }, 'invalid_value', 'description'],
    ['enabled that is a text', { url, enabled: 'yes' }, 'invalid_type', 'enabled'],
    ['an id with a slash', { url, id: 'a/b' }, 'invalid_value', 'id'],
    ['an id that climbs', { url, id: '..' }, 'invalid_value', 'id'],
    ['an oversize id', { url, id: 'x'.repeat(65) }, 'invalid_value', 'id'],
    ['the id of what jobs name', { url, id: 'job' }, 'invalid_value', 'id'],
    ['a short secret', { url, secret: 'whsec_c2hvcnQ=' }, 'invalid_value', 'secret'],
    ['a secret without its prefix', { url, secret: Buffer.alloc(32).toString('base64') }, 'invalid_value', 'secret'],
    ['a secret that is a number', { url, secret: 7 }, 'invalid_type', 'secret'],
    ['an unknown field', { url, colour: 1 }, 'unknown_parameter', 'colour'],
    ['a project', { url, project: 'other' }, 'unknown_parameter', 'project'],
    ['a prototype', JSON.parse(`{"url":"${url}","__proto__":{}}`), 'unknown_parameter', '__proto__'],
    ['a list', [url], 'invalid_type', undefined],
  ])('with %s is refused', async (_case, body, code, param) => {
    const { status, body: answer } = await hub.ask<Json>('POST', '', { body });
    expect([status, answer.code, answer.param]).toEqual([400, code, param]);
  });

  it('with a hostile description that is plain text shows it as it was given, as JSON', async () => {
    const description = `"><script>alert(1)</script> ' OR 1=1; -- \${x} 🦙 ${'ü'.repeat(20)}`;
    const made = await hub.newEndpoint('/hostile', { description });
    expect(made.description).toBe(description);
    const answer = await hub.ask('GET', `/${made.id}`);
    expect([answer.body.description, answer.headers.get('content-type')]).toEqual([
      ...[description, expect.stringMatching(/^application\/json/)],
    ]);
    expect((await hub.ask('DELETE', `/${made.id}`)).status).toBe(204);
  });

  it('has a body of one URL whatever the refused ones were', async () => {
    const { body } = await hub.ask<Page<Endpoint>>('GET', '');
    expect(body.data.map(({ id }) => id)).toEqual(['declared', 'first']);
  });

  it('beyond the most that a project may have is refused, and one less makes room', async () => {
    const ids: string[] = [];
    for (let n = 1; n < 20; n++) ids.push((await hub.newEndpoint('/many')).id);
    const body = { url: hub.receiver.url('/many') };
    expect(await hub.ask('POST', '', { body })).toMatchObject({ status: 409, body: { code: 'too_many_endpoints' } });
    for (const id of ids) expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
    const again = await hub.newEndpoint('/many');
    expect((await hub.ask('DELETE', `/${again.id}`)).status).toBe(204);
  });

  it.each<[string, string, string, unknown, [number, string]]>([
    ['a duplicate id', 'POST', '', { url, id: 'first' }, [409, 'already_exists']],
    ['a private URL', 'PATCH', '/first', { url: 'https://10.0.0.1/' }, [400, 'invalid_value']],
    ['no URL', 'PATCH', '/first', { url: null }, [400, 'invalid_type']],
    ['no events', 'PATCH', '/first', { events: null }, [400, 'invalid_type']],
    ['a new id', 'PATCH', '/first', { id: 'second' }, [400, 'unknown_parameter']],
    ['a new secret', 'PATCH', '/first', { secret: 'whsec_x' }, [400, 'unknown_parameter']],
    ['neither on nor off', 'PATCH', '/first', { enabled: null }, [400, 'invalid_type']],
    ['an endless overlap', 'POST', '/first/rotate', { overlap_seconds: 1e9 }, [400, 'invalid_value']],
    ['a negative overlap', 'POST', '/first/rotate', { overlap_seconds: -1 }, [400, 'invalid_value']],
    ['half a second', 'POST', '/first/rotate', { overlap_seconds: 0.5 }, [400, 'invalid_type']],
    ['a bad secret', 'POST', '/first/rotate', { secret: 'mine' }, [400, 'invalid_value']],
    ['an unknown endpoint', 'GET', '/nobody', undefined, [404, 'webhook_endpoint_not_found']],
    ['a change of nobody', 'PATCH', '/nobody', {}, [404, 'webhook_endpoint_not_found']],
    ['a test of nobody', 'POST', '/nobody/test', undefined, [404, 'webhook_endpoint_not_found']],
    ['an oversize id', 'GET', `/${'x'.repeat(500)}`, undefined, [404, 'webhook_endpoint_not_found']],
    ['an id with NUL', 'GET', '/first%00', undefined, [404, 'webhook_endpoint_not_found']],
    ['an end of an id with NUL', 'DELETE', '/first%00', undefined, [404, 'webhook_endpoint_not_found']],
    ['a delivery with NUL', 'GET', '/first/deliveries/evt%00', undefined, [404, 'webhook_delivery_not_found']],
    ['a place with NUL', 'GET', '/first/deliveries?after=evt%00', undefined, [400, 'invalid_value']],
    ['an unknown filter', 'GET', '?state=x', undefined, [400, 'unknown_parameter']],
    ['an unknown state', 'GET', '/first/deliveries?state=failed', undefined, [400, 'invalid_value']],
    ['a place that is none', 'GET', '/first/deliveries?after=evt_x', undefined, [400, 'invalid_value']],
    ['an unknown delivery', 'GET', '/first/deliveries/evt_x', undefined, [404, 'webhook_delivery_not_found']],
    ['an unknown delivery again', 'POST', '/first/deliveries/evt_x/redeliver', {}, [404, 'webhook_delivery_not_found']],
    [
      'an endless delivery',
      'GET',
      `/first/deliveries/${'x'.repeat(900)}`,
      undefined,
      [404, 'webhook_delivery_not_found'],
    ],
    ['no range', 'POST', '/first/redeliver', {}, [400, 'missing_required_parameter']],
    ['half a range', 'POST', '/first/redeliver', { from: '2026-01-01' }, [400, 'missing_required_parameter']],
    ['a time that is none', 'POST', '/first/redeliver', { from: 'x', to: '2026-01-01' }, [400, 'invalid_value']],
    [
      'a range that runs backwards',
      'POST',
      '/first/redeliver',
      { from: '2026-01-02', to: '2026-01-01' },
      [400, 'invalid_value'],
    ],
    [
      'what is not over',
      'POST',
      '/first/redeliver',
      { from: '2026-01-01', to: '2026-01-02', state: 'pending' },
      [400, 'invalid_value'],
    ],
    [
      'too many at once',
      'POST',
      '/first/redeliver',
      { from: '2026-01-01', to: '2026-01-02', limit: 101 },
      [400, 'invalid_value'],
    ],
  ])('%s is refused', async (_case, method, path, body, expected) => {
    const answer = await hub.ask<Json>(method, path, { body });
    expect([answer.status, answer.body.code]).toEqual(expected);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('without', () => {
  let stack: Stack;

  afterAll(() => stack.stop());

  const calls = (id: string): [string, string, Json | undefined][] => [
    ['POST', '', { url: `${url}/${id}` }],
    ['GET', '', undefined],
  ];

  async function outcomes(): Promise<unknown[]> {
    const answers = calls('x').map(([method, path, body]) =>
      ask(`${stack.url}/v1/webhook-endpoints${path}`, { method, body }),
    );
    return (await Promise.all(answers)).map(({ status, body }) => [status, body.code ?? body.object]);
  }

  it('a database endpoints cannot be made, and the list is there', async () => {
    stack = await startStack({ config: simulatorConfig, workers: 0 });
    expect(await outcomes()).toEqual([
      [409, 'settings_not_kept'],
      [200, 'list'],
    ]);
    await stack.stop();
  });

  it('a vault endpoints cannot be made, and the list is there', async () => {
    stack = await startStack({ config: simulatorConfig, workers: 0, database: 'postgres' });
    expect(await outcomes()).toEqual([
      [409, 'vault_uninitialised'],
      [200, 'list'],
    ]);
  });
});
