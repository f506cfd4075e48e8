import type { Request } from 'express';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AdminDoor } from './admin-door.js';
import type { AdminSession } from './admin-sessions.js';
import { AdminToken } from './admin-token.js';

const TOKEN = 'sesame:open ö';
const ID = 's'.repeat(43);
const SESSION: AdminSession = { hash: 'ab12cd34'.repeat(8), csrfToken: 'csrf', openedAtMs: 0, endsAtMs: Infinity };

/** Addresses that wrong tokens were counted for, and whether each look at a session was a use of it. */
let counted: string[];
let looks: boolean[];
beforeEach(() => {
  counted = [];
  looks = [];
});

const door = new AdminDoor({
  token: new AdminToken({ adminToken: TOKEN, stateDir: '' }),
  sessions: {
    find: (id, { used }) => {
      looks.push(used);
      return Promise.resolve(id === ID ? SESSION : null);
    },
  },
  throttle: {
    assertOpen: () => undefined,
    count: (address) => {
      counted.push(address);
      return Promise.resolve();
    },
  },
});

const ask = (headers: Record<string, string>, method = 'GET'): Request =>
  ({ method, headers: { host: 'here', ...headers }, ip: '192.0.2.1', query: { token: TOKEN } }) as unknown as Request;
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const cookie = `tokenhub-admin=${ID}`;

describe('the token', () => {
  it.each(['Bearer', 'bearer', 'BEARER'])('opens as %s', async (scheme) => {
    const actor = await door.enter(ask({ authorization: `${scheme} ${TOKEN}` }, 'POST'));
    expect(actor).toStrictEqual({ via: 'token', id: 'token' });
    expect([counted, looks]).toStrictEqual([[], []]);
  });

  it.each<[string, string]>([
    ['another token', 'Bearer other'],
    ['the beginning of the token', `Bearer ${TOKEN.slice(0, 6)}`],
    ['the token and more', `Bearer ${TOKEN}x`],
  ])('%s is refused and counted, whatever cookie comes with it', async (_what, authorization) => {
    await expect(door.enter(ask({ authorization, cookie }))).rejects.toMatchObject({ code: 'admin_token_required' });
    expect(counted).toStrictEqual(['192.0.2.1']);
  });

  it.each<[string, Record<string, string>]>([
    ['in the URL alone', {}],
    ['without a scheme', { authorization: TOKEN }],
    ['as the password of Basic', { authorization: `Basic ${base64(`u:${TOKEN}`)}` }],
    ['as another scheme', { authorization: `Digest ${TOKEN}` }],
    ['as x-api-key', { 'x-api-key': TOKEN }],
    ['as the CSRF token', { 'x-csrf-token': TOKEN }],
  ])('%s is no token', async (_what, headers) => {
    await expect(door.enter(ask(headers))).rejects.toMatchObject({ code: 'admin_token_required', status: 401 });
    expect(counted).toStrictEqual([]);
  });
});

describe('a session', () => {
  it('opens, and is told by the beginning of its hash', async () => {
    expect(await door.enter(ask({ cookie }))).toStrictEqual({ via: 'session', id: 'session:ab12cd34' });
    await door.enter(ask({ cookie }), { used: false });
    expect(looks).toStrictEqual([true, false]);
  });

  it('that is none is refused as one that has ended', async () => {
    const request = ask({ cookie: 'tokenhub-admin=other' });
    await expect(door.enter(request)).rejects.toMatchObject({ code: 'session_ended', status: 401 });
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY'])('needs origin and CSRF token for %s', async (method) => {
    const own = { cookie, origin: 'http://here' };
    const refused = { code: 'csrf_refused', status: 403 };
    await expect(door.enter(ask({ ...own, 'x-csrf-token': 'csrf' }, method))).resolves.toMatchObject({
      via: 'session',
    });
    await expect(door.enter(ask(own, method))).rejects.toMatchObject(refused);
    await expect(door.enter(ask({ ...own, 'x-csrf-token': 'csrg' }, method))).rejects.toMatchObject(refused);
    await expect(door.enter(ask({ cookie, 'x-csrf-token': 'csrf' }, method))).rejects.toMatchObject(refused);
  });
});
