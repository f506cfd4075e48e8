import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '#testing/browser.js';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ADMIN, signIn } from './admin-client.js';
import { Visitor } from './browser-tab.js';
import { ask, chatJob, post, type Json } from './doors.js';

const CANARY = 'canary-of-the-board-81c3';
const HOSTILE = `<img src=x onerror=alert(1)>${CANARY}`;
/** An id is shown, as text. */
const HOSTILE_ID = '"><script>alert(2)</script>';

/** A pool's id that no configuration would take. */
const DEPARTED = '<img src=x onerror=alert(3)>';

/** Queues, and as what the board shows them. */
const PLANTED: [string, string][] = [
  ['pool.simulator', 'Pools:simulator'],
  ['webhooks', 'Webhooks:deliveries'],
  ['orchestration', 'Orchestrations:graphs'],
];

let stack: Stack;
let browser: Browser;
let visitor: Visitor;
let page: Page;
let redis: Redis;
const opened: Queue[] = [];

beforeAll(async () => {
  stack = await startStack({
    ...{ appendfsync: 'no', auth: 'on' },
    config: withOwnPool,
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_API_KEY: 'th_board_0123456789abcdef' },
  });
  redis = new Redis(stack.redis.url, { maxRetriesPerRequest: null });
  browser = await startBrowser();
  await Promise.all([...PLANTED.map(([name]) => plant(name)), leftOverPool()]);
  await runJobs();
}, 90_000);

afterAll(async () => {
  await browser.close();
  await Promise.all(opened.map((queue) => queue.close()));
  redis.disconnect();
  await stack.stop();
});

/** `sim-large` has limits of its own, and with them a pool whose name has a slash. */
function withOwnPool(url: string): StackConfig {
  const config = simulatorConfig(url) as { models: Json[] } & StackConfig;
  const [small, large, ...others] = config.models;
  return { ...config, models: [small, { ...large, limits: { rpm: 1_000 } }, ...others] };
}

function open(name: string): Queue {
  const queue = new Queue(name, { connection: redis, prefix: '{th}' });
  opened.push(queue);
  return queue;
}

/** A job as no code of ours would write it, far in the future so that no worker takes it. */
async function plant(name: string): Promise<void> {
  const ids = { jobId: HOSTILE_ID, callId: `job_planted-${name}`, attempt: 1, deliveryId: `planted-${name}` };
  const data = { ...ids, prompt: HOSTILE, nested: { secret: HOSTILE } };
  await open(name).add('planted', data, { jobId: `planted-${name}`, delay: 3_600_000 });
  const key = `{th}:${name}:planted-${name}`;
  await redis.hset(key, { failedReason: HOSTILE, stacktrace: JSON.stringify([HOSTILE]), progress: `"${CANARY}"` });
  await redis.hset(key, { returnvalue: JSON.stringify({ outcome: 'failed', answer: HOSTILE }) });
  await redis.rpush(`${key}:logs`, HOSTILE);
}

/** A pool that left the registry, with something in it; the board learns of it with the next change of the registry. */
async function leftOverPool(): Promise<void> {
  await open(`pool.${encodeURIComponent(DEPARTED)}`).add(
    'planted',
    { jobId: 'job_left', callId: 'job_left-answer', attempt: 1 },
    { jobId: 'left-over', delay: 3_600_000 },
  );
  await redis.zadd('{th}:pools', Date.now(), DEPARTED, Date.now(), 'departed-and-empty');
}

async function runJobs(): Promise<void> {
  const headers = { authorization: 'Bearer th_board_0123456789abcdef' };
  const request = (model: string): Json => ({ model, messages: [{ role: 'user', content: CANARY }] });
  const later = { not_before: new Date(Date.now() + 3_600_000).toISOString() };
  await post(stack.url, chatJob({ request: request('sim-large'), ...later }), headers);
  const graph = { type: 'orchestration', orchestration: { mode: 'vote', voters: 2 } };
  await post(stack.url, chatJob({ request: request('auto'), ...graph, ...later }), headers);
  const ended = await post(stack.url, chatJob({ request: request('sim-small') }), { ...headers, prefer: 'wait=10' });
  expect(ended.state).toBe('completed');
}

/** The board of this API process, in a tab of somebody who has signed in. */
async function boardAt(url: string): Promise<Visitor> {
  const arrived = await Visitor.arrive(browser, url);
  const [name = '', value = ''] = (await signIn(url)).cookie.split('=');
  await arrived.context.addCookies([{ name, value, domain: '127.0.0.1', path: '/admin', httpOnly: true }]);
  await arrived.page.goto('/admin/queues/');
  await arrived.page.getByText('reconciler').first().waitFor();
  return arrived;
}

describe('the board in a browser', () => {
  beforeEach(async () => {
    visitor = await boardAt(stack.url);
    ({ page } = visitor);
  });

  afterEach(async () => {
    await visitor.leave();
    expect(visitor.outside).toEqual([]);
    expect(visitor.dialogs).toEqual([]);
    expect(visitor.complaints).toEqual([]);
  });

  it('shows every queue in its group, asks nobody else for anything, and breaks no rule of its policy', async () => {
    for (const group of ['Pools', 'Orchestrations', 'Webhooks', 'Housekeeping']) {
      await page.getByText(group, { exact: true }).first().waitFor();
    }
    for (const title of ['simulator', 'simulator›sim-large', 'simulator/sim-large', 'graphs', 'deliveries']) {
      await page.getByText(title, { exact: true }).first().waitFor();
    }
    await visitor.picture('board');
    expect(await page.title()).toContain('Tokenhub');
    const fonts = await page.evaluate('[...document.fonts].map((font) => font.family)');
    expect(fonts).toEqual([]);
  });

  it('leads into a pool whose name has a slash, and finds it again by its address', async () => {
    await page.getByRole('link', { name: 'simulator›sim-large' }).first().click();
    await page
      .getByText(/job_.*-answer\.1/)
      .first()
      .waitFor();
    await visitor.picture('board-pool');
    await page.getByText('simulator/sim-large').first().waitFor();
    await page.reload();
    await page
      .getByText(/job_.*-answer\.1/)
      .first()
      .waitFor();
  });

  it.each(PLANTED)(
    'in %s shows hostile text as text, and of data, results and errors only ids and outcomes',
    async (name, shown) => {
      await page.goto(`/admin/queues/queue/${encodeURIComponent(shown)}/planted-${name}`);
      await page.getByText(`job_planted-${name}`).first().waitFor();
      await page.getByText(HOSTILE_ID).first().waitFor();
      for (const tab of ['Error', 'Logs', 'Options', 'Progress', 'Data']) {
        await page
          .getByRole('tab', { name: tab })
          .or(page.getByRole('button', { name: tab, exact: true }))
          .first()
          .click();
        expect(await page.content()).not.toContain(CANARY);
      }
      await visitor.picture(`board-job-${name}`);
      expect(await page.locator('#root img[src="x"], #root script').count()).toBe(0);
    },
  );

  it('offers nothing that changes anything', async () => {
    await page.goto(`/admin/queues/queue/${encodeURIComponent('Pools:simulator')}?status=delayed`);
    await page.getByText('planted-pool.simulator').first().waitFor();
    for (const verb of ['Retry', 'Promote', 'Clean', 'Pause', 'Resume', 'Empty', 'Obliterate', 'Add job', 'Delete']) {
      expect([verb, await page.getByRole('button', { name: new RegExp(verb, 'i') }).count()]).toEqual([verb, 0]);
    }
  });
});

describe('the API of the board', () => {
  it('shows a pool that has left the registry for as long as something is in it', async () => {
    const { url } = await stack.startApi();
    const names = async (): Promise<string[]> => {
      const answer = await ask(`${url}/admin/queues/api/queues`, { headers: { authorization: `Bearer ${ADMIN}` } });
      return (answer.body.queues as { name: string }[]).map(({ name }) => name);
    };
    const name = `Pools without a provider:${DEPARTED}`;
    await waitFor(async () => (await names()).includes(name));
    const visitor = await boardAt(url);
    await visitor.page.getByText(DEPARTED).first().waitFor();
    await visitor.leave();
    expect([visitor.dialogs, visitor.outside, visitor.complaints]).toEqual([[], [], []]);
    expect(await names()).not.toContain('Pools without a provider:departed-and-empty');
    await open(`pool.${encodeURIComponent(DEPARTED)}`).obliterate({ force: true });
    await waitFor(async () => !(await names()).includes(name));
  });

  it('says of planted jobs nothing but ids, counts, times and outcomes', async () => {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const paths = [
      ...PLANTED.flatMap(([name, shown]) => {
        const queue = encodeURIComponent(shown);
        return [
          `queues?activeQueue=${queue}&status=delayed&page=1&jobsPerPage=20`,
          `queues/${queue}/planted-${name}`,
          `queues/${queue}/planted-${name}/logs`,
          `queues/${queue}/planted-${name}/flow`,
          `queues/${queue}/workers`,
          `queues/${queue}/default-job-options`,
        ];
      }),
      'job-schedulers',
      'redis/stats',
    ];
    const answers = await Promise.all(paths.map((path) => ask(`${stack.url}/admin/queues/api/${path}`, { headers })));
    expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
    const all = answers.map(({ text }) => text).join('\n');
    expect(all).toContain('job_planted-webhooks');
    expect(all).toContain('unforeseen: see the log of the worker');
    expect(all).not.toContain(CANARY);
  });
});
