import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ADMIN, askWith, openSession, rawAsk, type Session, signIn } from './admin-client.js';
import { type Answer, ask, everythingIn } from './doors.js';

let stack: Stack;
let url: string;
let other: string;
let redis: Redis;

beforeAll(async () => {
  stack = await startStack({
    ...{ apis: 2, workers: 0, appendfsync: 'no', auth: 'on' },
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_LOG_LEVEL: 'trace' },
  });
  [url = '', other = ''] = stack.apis.map((api) => api.url);
  redis = new Redis(stack.redis.url);
});

beforeEach(async () => {
  const kept = await redis.keys('{th}:admin-*');
  if (kept.length > 0) await redis.del(...kept);
});

afterAll(async () => {
  redis.disconnect();
  await stack.stop();
});

const PROJECTS = '/admin/v1/projects';
const code = ({ status, body }: { status: number; body: { code?: unknown } }): unknown[] => [status, body.code];

describe('a session', () => {
  it('is a cookie that no script, no other site and no other path gets', async () => {
    const { setCookie } = await signIn(url);
    const [pair = '', ...attributes] = setCookie.split('; ');
    expect(pair).toMatch(/^tokenhub-admin=[\w-]{43}$/);
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Path=/admin', 'SameSite=Strict']);
  });

  it('over https has a name that only this host can set, also behind a proxy that nobody trusts', async () => {
    const { setCookie } = await signIn(url, ADMIN, { origin: url.replace('http:', 'https:') });
    const [pair = '', ...attributes] = setCookie.split('; ');
    expect(pair).toMatch(/^__Host-tokenhub-admin=[\w-]{43}$/);
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict', 'Secure']);
  });

  it('opens what the token opens, at every API process', async () => {
    const session = await signIn(url);
    for (const api of [url, other]) {
      expect((await askWith(session, `${api}${PROJECTS}`)).status).toBe(200);
      const state = await askWith(session, `${api}/admin/v1/session`);
      expect(state.body).toMatchObject({ object: 'session', state: 'open', csrf_token: session.csrf });
    }
  });

  it('is not in Redis: what is there opens nothing', async () => {
    const session = await signIn(url);
    const id = session.cookie.split('=')[1] ?? '';
    const everything = await everythingIn(stack.redis.url);
    expect(everything).not.toContain(id);
    const [key = ''] = await redis.keys('{th}:admin-session:*');
    expect(await redis.pttl(key)).toBeGreaterThan(29 * 60_000);
    const hash = key.slice(key.lastIndexOf(':') + 1);
    const forged = await ask(`${url}${PROJECTS}`, { headers: { cookie: `tokenhub-admin=${hash}` } });
    expect(code(forged)).toEqual([401, 'session_ended']);
  });

  it('has a new id after each sign-in, and the one before is over: none can be planted', async () => {
    const planted = 'x'.repeat(43);
    const first = await signIn(url, ADMIN, { cookie: `tokenhub-admin=${planted}` });
    expect(first.cookie).not.toContain(planted);
    const second = await signIn(url, ADMIN, { cookie: first.cookie });
    expect(second.cookie).not.toBe(first.cookie);
    expect(second.csrf).not.toBe(first.csrf);
    expect(code(await askWith(first, `${other}${PROJECTS}`))).toEqual([401, 'session_ended']);
    expect((await askWith(second, `${other}${PROJECTS}`)).status).toBe(200);
  });

  it('is refused everywhere at once after signing out, as often as it is tried', async () => {
    const session = await signIn(url);
    const out = await askWith(session, `${url}/admin/v1/session`, { method: 'DELETE' });
    expect(out.status).toBe(204);
    expect(out.headers.getSetCookie().join()).toMatch(/tokenhub-admin=;.*Expires=Thu, 01 Jan 1970/);
    for (const api of [other, url]) {
      expect(code(await askWith(session, `${api}${PROJECTS}`))).toEqual([401, 'session_ended']);
      expect(code(await askWith(session, `${api}/admin/queues/api/queues`))).toEqual([401, 'session_ended']);
      expect((await askWith(session, `${api}/admin/v1/session`)).body).toEqual({ object: 'session', state: 'none' });
    }
    expect(code(await askWith(session, `${url}/admin/v1/session`, { method: 'DELETE' }))).toEqual([
      401,
      'session_ended',
    ]);
  });

  it.each(['', 'a', 'made-up'.padEnd(43, 'x'), 'too-long'.padEnd(44, 'x'), '../../x', '%00%00', '{th}:job:1'])(
    'of the made-up id %j is none',
    async (id) => {
      const answer = await ask(`${url}${PROJECTS}`, { headers: { cookie: `tokenhub-admin=${id}` } });
      expect(answer.status).toBe(401);
    },
  );

  it('says nothing of who has none', async () => {
    const state = await ask(`${url}/admin/v1/session`);
    expect([state.status, state.body]).toEqual([200, { object: 'session', state: 'none' }]);
    expect(state.headers.get('cache-control')).toBe('no-store');
    expect(state.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('is no key of the consumer’s API', async () => {
    const session = await signIn(url);
    expect((await askWith(session, `${url}/v1/models`)).status).toBe(401);
  });

  it('leaves neither token, id nor CSRF token in a log line', async () => {
    const session = await signIn(url);
    await askWith(session, `${url}${PROJECTS}`, { method: 'POST', body: {} });
    await openSession(url, 'a-wrong-token-of-somebody');
    const logged = stack.apis.flatMap(({ lines }) => lines).join('\n');
    for (const secret of [ADMIN, session.cookie.split('=')[1] ?? '', session.csrf, 'a-wrong-token-of-somebody']) {
      expect(logged).not.toContain(secret);
    }
  });
});

describe('a change with a session', () => {
  let session: Session;
  const attempt = (headers: Record<string, string>, method = 'POST'): ReturnType<typeof rawAsk> =>
    rawAsk(`${url}/admin/v1/providers/nobody/test`, { method, headers: { cookie: session.cookie, ...headers } });

  beforeEach(async () => {
    session = await signIn(url);
  });

  /** It has come through: the provider does not exist. */
  const THROUGH = [404, 'provider_not_found'];

  it('from the page itself comes through', async () => {
    const csrf = { 'x-csrf-token': session.csrf };
    expect(code(await attempt({ ...csrf, origin: url }))).toEqual(THROUGH);
    expect(code(await attempt({ ...csrf, 'sec-fetch-site': 'same-origin' }))).toEqual(THROUGH);
  });

  it('without the session’s own CSRF token is refused', async () => {
    const another = await signIn(url);
    const wrong = [undefined, '', 'x', another.csrf, `${session.csrf}x`, session.csrf.toLowerCase()];
    for (const csrf of wrong) {
      const headers = { origin: url, ...(csrf !== undefined && { 'x-csrf-token': csrf }) };
      expect(code(await attempt(headers))).toEqual([403, 'csrf_refused']);
    }
  });

  it('from anywhere else is refused, whatever it carries', async () => {
    const { port } = new URL(url);
    const elsewhere: Record<string, string>[] = [
      {},
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { origin: `http://127.0.0.1:${Number(port) + 1}` },
      { origin: `http://127.0.0.1:${port}.evil.example` },
      { 'sec-fetch-site': 'cross-site', origin: url },
      { 'sec-fetch-site': 'same-site', origin: url },
      { 'sec-fetch-site': 'none' },
    ];
    for (const headers of elsewhere) {
      const answer = await attempt({ 'x-csrf-token': session.csrf, ...headers });
      expect([headers, ...code(answer)]).toEqual([headers, 403, 'csrf_refused']);
    }
  });

  it.each(['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain'])(
    'as a form of another site (%s) is refused by its very type',
    async (type) => {
      const headers = { cookie: session.cookie, origin: 'https://evil.example', 'content-type': type };
      for (const path of ['/admin/v1/session', '/admin/v1/projects', '/admin/v1/vault/unlock']) {
        const answer = await rawAsk(`${url}${path}`, { method: 'POST', headers, body: `{"token":"${ADMIN}"}` });
        expect(code(answer)).toEqual([415, 'unsupported_media_type']);
      }
    },
  );

  it('needs nothing of this with the token, which no browser sends by itself', async () => {
    const bearer = { authorization: `Bearer ${ADMIN}`, origin: 'https://somewhere.example' };
    expect(code(await attempt(bearer))).toEqual(THROUGH);
    expect(code(await attempt({ ...bearer, authorization: 'Bearer wrong' }))).toEqual([401, 'admin_token_required']);
  });

  it('is no read: reading needs no CSRF token', async () => {
    const answer = await rawAsk(`${url}${PROJECTS}`, { headers: { cookie: session.cookie } });
    expect(answer.status).toBe(200);
  });

  it('cannot be asked for by a page of another origin: no answer allows it', async () => {
    for (const path of ['/admin/v1/session', PROJECTS, '/admin/queues/api/queues', '/v1/models']) {
      const answer = await ask(`${url}${path}`, {
        method: 'OPTIONS',
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      });
      const allowed = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
      expect([path, allowed]).toEqual([path, []]);
    }
  });

  it('HTTP Basic, which browsers send to whoever asks, opens nothing', async () => {
    const basic = `Basic ${Buffer.from(`admin:${ADMIN}`).toString('base64')}`;
    const answer = await ask(`${url}${PROJECTS}`, { headers: { authorization: basic } });
    expect(code(answer)).toEqual([401, 'admin_token_required']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });
});

describe('signing in', () => {
  it.each<[string, unknown, number]>([
    ['nothing', undefined, 400],
    ['null', null, 400],
    ['a number', 7, 400],
    ['the token in a list', [ADMIN], 400],
    ['a text of 2,000 characters', 'x'.repeat(2_000), 400],
    ['an empty text', '', 401],
    ['the token and a space', `${ADMIN} `, 401],
    ['the beginning of the token', ADMIN.slice(0, -1), 401],
    ['the token in capitals', ADMIN.toUpperCase(), 401],
  ])('with %s is refused, and sets no cookie', async (_what, token, status) => {
    const answer = await openSession(url, token);
    expect(answer.status).toBe(status);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('from a page of another origin is refused before the token is looked at', async () => {
    for (const origin of ['https://evil.example', 'null']) {
      expect(code(await openSession(url, ADMIN, { origin }))).toEqual([403, 'csrf_refused']);
    }
    expect(await redis.keys('{th}:admin-refusals:*')).toEqual([]);
  });

  it('is refused after ten wrong tokens of an address, at every process, also with the right one, and says until when', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 10; i += 1) statuses.push((await openSession(i % 2 ? url : other, `wrong-${i}`)).status);
    expect(new Set(statuses)).toEqual(new Set([401]));
    for (const api of [url, other]) {
      const refused = await openSession(api, ADMIN);
      expect(code(refused)).toEqual([429, 'rate_limit_exceeded']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
      expect(refused.headers.getSetCookie()).toEqual([]);
    }
  });

  it('cannot be tried faster by trying at the same time', async () => {
    const tries = Array.from({ length: 40 }, (_, i) => openSession(i % 2 ? url : other, `wrong-${i}`));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
  });

  it('is counted for the address of the connection, not for one that a header claims', async () => {
    for (let i = 0; i < 10; i += 1) await openSession(url, 'wrong', { 'x-forwarded-for': `203.0.113.${i}` });
    const answer = await openSession(url, ADMIN, { 'x-forwarded-for': '203.0.113.77', forwarded: 'for=203.0.113.77' });
    expect(answer.status).toBe(429);
  });

  it('forgets the wrong ones after the right one', async () => {
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 6; i += 1) expect((await openSession(url, 'wrong')).status).toBe(401);
      expect((await openSession(url, ADMIN)).status).toBe(201);
    }
  });
});

describe('behind a proxy that is trusted', () => {
  let proxied: Stack;

  beforeAll(async () => {
    proxied = await startStack({
      ...{ workers: 0, appendfsync: 'no', auth: 'on' },
      env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8' },
    });
  });

  afterAll(() => proxied.stop());

  it('an address is the last that no proxy of ours has, and is shut out alone', async () => {
    const from = (address: string, token: string): ReturnType<typeof openSession> =>
      openSession(proxied.url, token, { 'x-forwarded-for': `198.51.100.1, ${address}, 10.1.2.3` });
    for (let i = 0; i < 10; i += 1) expect((await from('203.0.113.9', 'wrong')).status).toBe(401);
    expect((await from('203.0.113.9', ADMIN)).status).toBe(429);
    expect((await from('203.0.113.10', ADMIN)).status).toBe(201);
  });

  it('that says https, a session has the name that only this host can set, and no other is taken', async () => {
    const https = { 'x-forwarded-proto': 'https' };
    const session = await signIn(proxied.url, ADMIN, https);
    expect(session.cookie).toMatch(/^__Host-tokenhub-admin=/);
    expect((await askWith(session, `${proxied.url}${PROJECTS}`, { headers: https })).status).toBe(200);
    const planted = { ...session, cookie: session.cookie.replace('__Host-', '') };
    expect(code(await askWith(planted, `${proxied.url}${PROJECTS}`, { headers: https }))).toEqual([
      ...[401, 'admin_token_required'],
    ]);
  });
});

describe('bounds', () => {
  it('a body for the administration is refused beyond a mebibyte, before anybody asks who sent it', async () => {
    const answer = await ask(`${url}/admin/v1/session`, { body: { token: 'x'.repeat(1_100_000) } });
    expect(code(answer)).toEqual([413, 'body_too_large']);
  });

  it('headers beyond 16 KiB are refused', async () => {
    const { status } = await rawAsk(`${url}/admin/v1/session`, { headers: { cookie: 'a'.repeat(20_000) } });
    expect(status).toBe(431);
  });

  it('answers of the administration are kept by no cache, and a stranger is told where to sign in', async () => {
    for (const path of ['/admin/', '/admin/v1/session', PROJECTS, '/admin/queues/', '/admin/queues/api/queues']) {
      const answer = await ask(`${url}${path}`, { headers: { accept: 'text/html' } });
      expect([path, answer.headers.get('cache-control')]).toEqual([path, 'no-store']);
    }
    const board = await ask(`${url}/admin/queues/queue/x`, { headers: { accept: 'text/html,*/*' } });
    expect([board.status, board.headers.get('location')]).toEqual([303, '/admin/']);
    const bare = await ask(`${url}/admin`);
    expect([bare.status, bare.headers.get('location')]).toEqual([308, '/admin/']);
  });

  it('every area has a policy that lets nothing in from elsewhere', async () => {
    for (const path of ['/admin/', '/ADMIN/', '/admin/v1/session', '/admin/queues/', '/docs']) {
      const { headers } = await ask(`${url}${path}`, { headers: { authorization: `Bearer ${ADMIN}` } });
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
      if (path.toLowerCase() === '/admin/') expect(policy).not.toContain('unsafe');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('x-frame-options')).toBe('DENY');
    }
  });
});

describe('guessing with Bearer', () => {
  it('is shut out for the rest of the minute after 600 wrong tokens, also with the right one', async () => {
    const guess = (token: string): Promise<Answer> =>
      ask(`${other}${PROJECTS}`, { headers: { authorization: `Bearer ${token}` } });
    const statuses: number[] = [];
    for (let i = 0; i < 31; i += 1) {
      const guesses = await Promise.all(Array.from({ length: 20 }, (_, j) => guess(`guess-${i}-${j}`)));
      statuses.push(...guesses.map(({ status }) => status));
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(600);
    const shut = await guess(ADMIN);
    expect(code(shut)).toEqual([429, 'rate_limit_exceeded']);
    expect(Number(shut.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  });
});

describe('while Redis is away', () => {
  it('sessions and signing in wait for it with 503, the token goes on, and a session that was open still is', async () => {
    const session = await signIn(url);
    stack.redis.pause();
    try {
      expect((await askWith(session, `${url}${PROJECTS}`)).status).toBe(503);
      expect((await openSession(url, ADMIN)).status).toBe(503);
      expect((await ask(`${url}${PROJECTS}`, { headers: { authorization: `Bearer ${ADMIN}` } })).status).toBe(200);
    } finally {
      stack.redis.resume();
    }
    await waitFor(async () => (await askWith(session, `${url}${PROJECTS}`)).status === 200);
  });
});
