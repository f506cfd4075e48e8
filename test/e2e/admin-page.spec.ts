import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '#testing/browser.js';
import { type Stack, startStack } from '#testing/stack.js';
import { ADMIN } from './admin-client.js';
import { ask, type Json } from './doors.js';
import { Visitor } from './browser-tab.js';

const PASSWORD = 'correct horse battery <b>staple</b>';

let stack: Stack;
let browser: Browser;
let visitor: Visitor;
let page: Page;

beforeAll(async () => {
  stack = await startStack({
    ...{ workers: 0, appendfsync: 'no', auth: 'on', database: 'postgres' },
    env: {
      TOKENHUB_ADMIN_TOKEN: ADMIN,
      TOKENHUB_CLUSTER_SECRET: 'a-cluster-secret-of-32-characters',
      TOKENHUB_LOG_LEVEL: 'trace',
    },
  });
  browser = await startBrowser();
}, 90_000);

afterAll(async () => {
  await browser.close();
  await stack.stop();
});

beforeEach(async () => {
  visitor = await Visitor.arrive(browser, stack.url);
  ({ page } = visitor);
});

afterEach(async () => {
  await visitor.leave();
  expect(visitor.outside).toEqual([]);
  expect(visitor.dialogs).toEqual([]);
});

/** What the browser writes to its console about an answer, whoever expected it. */
const refusedWith = (status: number): string => expect.stringContaining(`status of ${status}`) as unknown as string;

async function signIn(token = ADMIN): Promise<void> {
  await page.goto('/admin/');
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const signedIn = (): Promise<void> => page.getByRole('heading', { name: /Vault/ }).waitFor();
const fault = async (): Promise<string> => {
  const alert = page.getByRole('alert');
  await alert.waitFor();
  return (await alert.textContent()) ?? '';
};
const stateIs = (state: string): Promise<void> =>
  page.locator('#vault-state', { hasText: new RegExp(`^${state}$`) }).waitFor();

/** Everything in which a page could leave something behind, as one text. */
const remembered = (): Promise<string> =>
  page.evaluate(`(async () => JSON.stringify([
    location.href, document.documentElement.outerHTML, [...document.querySelectorAll('input')].map((input) => input.value),
    { ...localStorage }, { ...sessionStorage }, document.cookie, history.state, window.name,
    await caches.keys(), (await indexedDB.databases()).map(({ name }) => name),
  ]))()`);

describe('signing in', () => {
  it('with a wrong token says so in words, and keeps nothing of it', async () => {
    await signIn('a wrong token');
    expect(await fault()).toBe('This is not the admin token.');
    await visitor.picture('page-wrong-token');
    expect(await remembered()).not.toContain('a wrong token');
    expect(await page.evaluate('document.activeElement.id')).toBe('token');
    expect(visitor.complaints).toEqual([refusedWith(401)]);
  });

  it('with the right one works from the keyboard alone, and keeps nothing of it that a script could read', async () => {
    await page.goto('/admin/');
    await page.getByLabel('Admin token').waitFor();
    await page.keyboard.type(ADMIN);
    await page.keyboard.press('Enter');
    await signedIn();
    expect(await page.getByRole('status').textContent()).toBe('Signed in.');
    expect(await remembered()).not.toContain(ADMIN);
    const [cookie, ...others] = await visitor.context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({
      name: 'tokenhub-admin',
      httpOnly: true,
      sameSite: 'Strict',
      path: '/admin',
      expires: -1,
    });
    expect(visitor.complaints).toEqual([]);
  });

  it('is refused for a while after many wrong tokens, and the page says for how long', async () => {
    await page.goto('/admin/');
    for (let i = 0; i < 10; i += 1) {
      await ask(`${stack.url}/admin/v1/session`, { body: { token: `wrong-${i}` }, headers: { origin: stack.url } });
    }
    await signIn();
    expect(await fault()).toMatch(/^Too many wrong tokens: try again in \d+ seconds\.$/);
    await visitor.picture('page-throttled');
    expect(visitor.complaints).toEqual([refusedWith(429)]);
    const redis = new Redis(stack.redis.url);
    await redis.del(await redis.keys('{th}:admin-refusals:*'));
    redis.disconnect();
    await signIn();
    await signedIn();
  });
});

describe('signing out', () => {
  it('ends the session here and everywhere: going back, reloading and another tab show the sign-in again', async () => {
    await signIn();
    await signedIn();
    const other = await visitor.context.newPage();
    await other.goto('/admin/queues/');
    await other.getByText('reconciler').first().waitFor();
    await page.getByRole('link', { name: 'Queues' }).click();
    await page.getByText('reconciler').first().waitFor();
    await page.goBack();
    await signedIn();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('status', { name: '' }).getByText('Signed out.').waitFor();
    expect(await visitor.context.cookies()).toEqual([]);

    await page.goForward();
    await page.getByLabel('Admin token').waitFor();
    expect(new URL(page.url()).pathname).toBe('/admin/');
    await page.goBack();
    await page.getByLabel('Admin token').waitFor();
    await page.reload();
    await page.getByLabel('Admin token').waitFor();
    await other.reload();
    await other.getByLabel('Admin token').waitFor();
  });

  it('elsewhere is noticed at the next click, and said', async () => {
    await signIn();
    await signedIn();
    const redis = new Redis(stack.redis.url);
    await redis.del(await redis.keys('{th}:admin-session:*'));
    redis.disconnect();
    await page.getByRole('button', { name: 'Sign out' }).click();
    expect(await fault()).toContain('The session has ended');
    expect(await page.getByLabel('Admin token').isVisible()).toBe(true);
  });
});

describe('the vault', () => {
  beforeEach(async () => {
    await signIn();
    await signedIn();
  });

  it('is initialised, locked and unlocked; the password is sent once each time and stays nowhere', async () => {
    const sent: string[] = [];
    page.on('request', (request) => {
      if (`${request.url()} ${request.postData() ?? ''}`.includes('staple')) sent.push(new URL(request.url()).pathname);
    });
    await stateIs('uninitialised');
    await visitor.picture('page-uninitialised');

    await page.getByLabel('New vault password').fill(PASSWORD);
    await page.getByLabel('The same again').fill(`${PASSWORD}r`);
    await page.getByRole('button', { name: 'Initialise the vault' }).click();
    expect(await fault()).toBe('The two passwords are not the same.');
    expect(sent).toEqual([]);
    expect(await remembered()).not.toContain('staple');

    await page.getByLabel('New vault password').fill(PASSWORD);
    await page.getByLabel('The same again').fill(PASSWORD);
    await page.getByRole('button', { name: 'Initialise the vault' }).click();
    await stateIs('unlocked');
    await visitor.picture('page-unlocked');

    await page.getByRole('button', { name: 'Lock now' }).click();
    await stateIs('locked');
    await visitor.picture('page-locked');

    await page.getByLabel('Vault password', { exact: true }).fill('not the password of the vault');
    await page.getByRole('button', { name: 'Unlock' }).click();
    expect(await fault()).toMatch(/password/i);
    expect(await page.getByLabel('Vault password', { exact: true }).inputValue()).toBe('');
    await visitor.picture('page-wrong-password');
    await stateIs('locked');

    await page.getByLabel('Vault password', { exact: true }).fill(PASSWORD);
    await page.keyboard.press('Enter');
    await stateIs('unlocked');
    expect(sent).toEqual(['/admin/v1/vault/init', '/admin/v1/vault/unlock']);
    expect(await remembered()).not.toContain('staple');
    expect(visitor.complaints).toHaveLength(1);
    const logged = stack.apis.flatMap(({ lines }) => lines).join('\n');
    expect(logged).not.toContain('staple');
    expect(logged).not.toContain('not the password');
  });

  it('and the session are in the audit, under the name of the session', async () => {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('Signed out.').waitFor();
    const headers = { authorization: `Bearer ${ADMIN}` };
    const entries = async (action: string): Promise<Json[]> =>
      (await ask(`${stack.url}/admin/v1/audit?action=${action}&limit=100`, { headers })).body.data as Json[];
    const [opened, closed] = [await entries('session.opened'), await entries('session.closed')];
    const { actor } = closed.at(-1) ?? {};
    expect(actor).toMatch(/^session:[0-9a-f]{8}$/);
    expect(opened.at(-1)).toMatchObject({ actor, target: actor });
    const others = await entries('vault.*');
    const actors = new Set(others.map((entry) => String(entry.actor).replace(/^(session:)[0-9a-f]{8}$/, '$1…')));
    expect(actors).toEqual(new Set(['session:…']));
    expect(await entries('session.refused')).toEqual([]);
    expect(JSON.stringify([opened, closed, others])).not.toMatch(/staple|wrong token|an-administrators/);
  });

  it('is shown in the dark, and on a small screen', async () => {
    const dark = await Visitor.arrive(browser, stack.url, 'dark');
    await dark.context.addCookies(await visitor.context.cookies());
    await dark.page.goto('/admin/');
    await dark.page.getByRole('heading', { name: /Vault/ }).waitFor();
    await dark.picture('page-dark');
    await dark.page.setViewportSize({ width: 360, height: 740 });
    await dark.picture('page-small');
    const overflow = await dark.page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
    await dark.leave();
  });
});

describe('the page', () => {
  it('shows what a server says as text, whatever it says', async () => {
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    await page.route('**/admin/v1/vault', (route) =>
      route.fulfill({
        json: {
          ...{ state: hostile, mode: hostile, processes: [], warnings: [hostile] },
          administration: { open: true, closes_at: hostile, auto_lock_minutes: hostile },
        },
      }),
    );
    await signIn();
    await signedIn();
    expect(await page.locator('#vault-facts').textContent()).toContain(hostile);
    expect(await page.locator('#vault-warnings').textContent()).toBe(hostile);
    await page.unroute('**/admin/v1/vault');
    await page.route('**/admin/v1/vault', (route) =>
      route.fulfill({ status: 409, json: { code: 'settings_not_kept', detail: hostile } }),
    );
    await page.reload();
    await page.getByText(hostile).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
  });

  it('is useless in a frame, and to a form of another site', async () => {
    await signIn();
    await signedIn();
    const answer = await page.request.get('/admin/');
    expect(answer.headers()['content-security-policy']).toContain("frame-ancestors 'none'");
    const evil = await visitor.context.newPage();
    await evil.setContent(
      `<form method="post" enctype="text/plain" action="${stack.url}/admin/v1/session"><input name='{"token":"' value='x"}'><button>go</button></form>`,
    );
    await evil.getByRole('button').click();
    await evil.getByText('unsupported_media_type').waitFor();
  });

  it('leads to the description of the API, which breaks no rule of its policy either', async () => {
    await page.goto('/docs');
    await page.getByText('/admin/v1/session').first().waitFor();
    await visitor.picture('docs', { long: true });
    expect(visitor.complaints).toEqual([]);
  });

  it('does its work for a browser on the network without https, which says less of where a request comes from', async () => {
    const { port } = new URL(stack.url);
    const far = await Visitor.arrive(browser, `http://hub.test:${port}`);
    const said: (string | undefined)[] = [];
    far.page.on('request', (request) => void request.allHeaders().then((all) => said.push(all['sec-fetch-site'])));
    await far.page.goto('/admin/');
    await far.page.getByLabel('Admin token').fill(ADMIN);
    await far.page.getByRole('button', { name: 'Sign in' }).click();
    await far.page.getByRole('heading', { name: /Vault/ }).waitFor();
    await far.page.getByRole('button', { name: 'Sign out' }).click();
    await far.page.getByText('Signed out.').waitFor();
    expect(new Set(said)).toEqual(new Set([undefined]));
    await far.leave();
  });

  it.each(['127.0.0.1', 'hub.test', 'neighbour.hub.test'])(
    'cannot be worked by a page of %s, also where the browser sends the cookie along',
    async (neighbour) => {
      const { port } = new URL(stack.url);
      const host = neighbour === '127.0.0.1' ? '127.0.0.1' : 'hub.test';
      const victim = await Visitor.arrive(browser, `http://${host}:${port}`);
      const { page: tab, context } = victim;
      await tab.goto('/admin/');
      await tab.getByLabel('Admin token').fill(ADMIN);
      await tab.getByRole('button', { name: 'Sign in' }).click();
      await tab.getByRole('heading', { name: /Vault/ }).waitFor();

      // Another port of the same host, or a host beside it: the same site, so that SameSite=Strict is no help.
      const evil = `http://${neighbour}:9999`;
      const target = `http://${host}:${port}/admin/v1/vault/lock`;
      const body = `<!doctype html><form method="post" action="${target}"><button>go</button></form>`;
      await context.route(`${evil}/**`, (route) => route.fulfill({ contentType: 'text/html', body }));
      const trap = await context.newPage();
      await trap.goto(`${evil}/`);
      const unread = await trap.evaluate(`fetch('${target}', { credentials: 'include' }).catch((error) => error.name)`);
      expect(unread).toBe('TypeError');
      const [answer] = await Promise.all([trap.waitForResponse(target), trap.getByRole('button').click()]);
      const { cookie = '' } = await answer.request().allHeaders();
      expect([cookie.startsWith('tokenhub-admin='), answer.status()]).toEqual([true, 403]);
      await trap.getByText('csrf_refused').waitFor();
      await victim.leave();
    },
  );

  it('says when nobody answers', async () => {
    await signIn();
    await signedIn();
    await visitor.context.setOffline(true);
    await page.getByRole('button', { name: 'Sign out' }).click();
    expect(await fault()).toMatch(/does not answer/);
    await visitor.context.setOffline(false);
  });
});
