import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '#testing/free-port.js';
import { type RunningProcess, startProcess } from '#testing/process-harness.js';
import { temporaryFolder } from '#testing/reaper.js';
import { redisProgram, type RedisServer, startRedis } from '#testing/redis-harness.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { simulatorConfig } from '#testing/simulator-config.js';
import { waitFor } from '#testing/wait-for.js';
import { contextSources, isInContext, parseDockerfile, type WalkedStage, walkDockerfile } from './dockerfile-walk.js';

/*
 * The images without an engine: the Dockerfile's steps in a clean folder (production install, build, copies), and then the
 * commands of its stages as processes of the host. Ports, hosts and folders are the test's; everything else is the image's.
 */

const root = repositoryRoot();
const stages = parseDockerfile(readFileSync(join(root, 'docker/Dockerfile'), 'utf8'));
const TARGETS = ['api', 'worker', 'simulator', 'all-in-one'];
const API_KEY = 'th_packages0000000000001';
const ADMIN_TOKEN = 'packages-admin-token-0001';
const SECRETS = { TOKENHUB_API_KEY: API_KEY, TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN };

const folder = temporaryFolder('packages');
const running: RunningProcess[] = [];
let images: Map<string, WalkedStage>;
let redis: RedisServer;
let simulatorUrl: string;
let configFile: string;

beforeAll(async () => {
  images = walkDockerfile(stages, {
    context: root,
    into: join(folder, 'stages'),
    nodeModules: join(root, 'node_modules'),
  });
  redis = await startRedis();
  simulatorUrl = await startSimulator();
  configFile = join(folder, 'tokenhub.json');
  writeFileSync(configFile, JSON.stringify(simulatorConfig(`${simulatorUrl}/v1`)));
}, 200_000);

afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

function image(target: string): WalkedStage {
  const found = images.get(target);
  if (!found) throw new Error(`there is no stage ${target}`);
  return found;
}

/** The stage's command, in its folder, with its variables; `/data` is a folder of the test. Ready is when its `readyUrl` answers. */
function startImage(
  target: string,
  env: Record<string, string>,
  { args, readyUrl }: { args?: string[]; readyUrl?: string } = {},
): RunningProcess {
  const { root: stageRoot, workdir, env: own, command } = image(target);
  const [program, ...words] = command;
  expect(program).toBe('node');
  const started = startProcess({
    name: target,
    command: true,
    entry: process.execPath,
    args: args ?? words,
    cwd: join(stageRoot, workdir),
    env: { ...own, TOKENHUB_STATE_DIR: join(stageRoot, 'data'), ...env },
    readyUrl,
  });
  running.push(started);
  return started;
}

async function startSimulator(): Promise<string> {
  const port = String(await freePort());
  const [, ...words] = image('simulator').command;
  const args = words.map((word) => ({ '0.0.0.0': '127.0.0.1', '8090': port })[word] ?? word);
  const url = `http://127.0.0.1:${port}`;
  await startImage('simulator', {}, { args, readyUrl: `${url}/v1/models` }).waitUntilReady();
  return url;
}

/** The stage's HEALTHCHECK with the variables of its process; gives the exit code. */
async function health(target: string, env: Record<string, string>): Promise<number | null> {
  const { root: stageRoot, workdir, env: own, healthcheck } = image(target);
  const check = startProcess({
    name: `health of ${target}`,
    command: true,
    entry: process.execPath,
    args: healthcheck.slice(1),
    cwd: join(stageRoot, workdir),
    env: { ...own, ...env },
  });
  return (await check.exit).code;
}

function askChat(url: string, key?: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'Say hello' }] }),
    signal: AbortSignal.timeout(20_000),
  });
}

async function expectServedWithTheKeyAlone(url: string): Promise<void> {
  const answer = await askChat(url, API_KEY);
  const body = (await answer.json()) as { choices?: { message: { content: string } }[] };
  expect({ status: answer.status, content: body.choices?.[0]?.message.content }).toEqual({
    status: 200,
    content: expect.stringMatching(/\S/),
  });
  for (const key of [undefined, 'th_notthekeyofanybody0001', ADMIN_TOKEN]) {
    expect((await askChat(url, key)).status).toBe(401);
  }
  expect((await fetch(`${url}/v1/models`)).status).toBe(401);
  expect((await fetch(`${url}/admin/queues`)).status).toBe(401);
  for (const part of ['', 'page.js', 'client.js', 'page.css', 'icon.svg']) {
    expect([part, (await fetch(`${url}/admin/${part}`)).status]).toEqual([part, 200]);
  }
}

describe('the Dockerfile', () => {
  it('has a stage for each target, over official images with a tag', () => {
    const names = stages.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(TARGETS));
    const outside = stages.map(({ from }) => from).filter((from) => !names.includes(from));
    for (const from of outside) expect(from).toMatch(/^node:24-[a-z-]+$/);
  });

  it.each(stages)('stage $name copies only what is in the build context', (stage) => {
    const missing = contextSources(stage).filter((path) => !isInContext(path, root));
    expect(missing).toEqual([]);
  });

  it.each(TARGETS)('%s runs as an ordinary user, is told of SIGTERM itself, and has a health check', (target) => {
    const { user, command, healthcheck, env, stopSignal, root: stageRoot, workdir } = image(target);
    expect({ user, stopSignal, production: env.NODE_ENV }).toEqual({
      user: 'node',
      stopSignal: 'SIGTERM',
      production: 'production',
    });
    for (const [program, ...words] of [command, healthcheck]) {
      expect(program).toBe('node');
      const entry = words.find((word) => /\.m?js$/.test(word)) ?? 'no entry file';
      expect(existsSync(join(stageRoot, workdir, entry))).toBe(true);
    }
  });

  it.each(TARGETS)('%s holds the production dependencies, no other, and no second Node', (target) => {
    const { root: stageRoot, workdir } = image(target);
    const modules = join(stageRoot, workdir, 'node_modules');
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    const installed = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as typeof packages & {
      packages: typeof packages;
    };
    const paths = Object.keys(installed.packages);
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => packages[path]?.dev !== undefined)).toEqual([]);
    expect(existsSync(join(modules, 'node/bin/node'))).toBe(false);
  });

  it('ships no spec, and no file of the state folder', () => {
    const { root: stageRoot, workdir } = image('all-in-one');
    const shipped = ['dist', 'scripts', 'docker'].flatMap((name) =>
      readdirSync(join(stageRoot, workdir, name), { recursive: true, encoding: 'utf8' }),
    );
    expect(shipped.filter((path) => /\.spec\.js$|(^|\/)\.env|\.tokenhub/.test(path))).toEqual([]);
  });
});

describe('api and worker', () => {
  let url: string;
  let env: Record<string, string>;
  let api: RunningProcess;
  let worker: RunningProcess;

  beforeAll(async () => {
    const [apiPort, workerPort] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${apiPort}`;
    env = {
      ...SECRETS,
      TOKENHUB_HOST: '127.0.0.1',
      TOKENHUB_PORT: String(apiPort),
      TOKENHUB_WORKER_PORT: String(workerPort),
      TOKENHUB_REDIS_URL: redis.url,
      TOKENHUB_CONFIG: configFile,
    };
    api = startImage('api', env, { readyUrl: `${url}/ready` });
    worker = startImage('worker', env, { readyUrl: `http://127.0.0.1:${workerPort}/ready` });
    await Promise.all([api.waitUntilReady(), worker.waitUntilReady()]);
  });

  it('answer a request that has the key, and refuse every other with 401', () => expectServedWithTheKeyAlone(url));

  it.each(['api', 'worker'])('the health check of %s passes', async (target) => {
    expect(await health(target, env)).toBe(0);
  });

  it('end on SIGTERM with 0, and then the health checks fail', async () => {
    expect(await Promise.all([api.stop(25_000), worker.stop(25_000)])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    expect(await Promise.all([health('api', env), health('worker', env)])).toEqual([1, 1]);
  });
});

describe('the all-in-one', () => {
  let url: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    // The image has redis-server on its PATH, whatever this machine's is called.
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(redisProgram(), join(bin, 'redis-server'));
    const apiPort = await freePort();
    url = `http://127.0.0.1:${apiPort}`;
    env = {
      PATH: `${bin}:${process.env.PATH ?? ''}`,
      TOKENHUB_HOST: '127.0.0.1',
      TOKENHUB_PORT: String(apiPort),
      TOKENHUB_WORKER_PORT: String(await freePort()),
      TOKENHUB_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      TOKENHUB_CONFIG: configFile,
    };
  });

  it.each<{ missing: string; given: Record<string, string> }>([
    { missing: 'TOKENHUB_ADMIN_TOKEN', given: { TOKENHUB_API_KEY: API_KEY } },
    { missing: 'TOKENHUB_API_KEY', given: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN, TOKENHUB_API_KEY: '' } },
    { missing: 'TOKENHUB_ADMIN_TOKEN and TOKENHUB_API_KEY', given: {} },
  ])('refuses to start without $missing, in one line, and starts nothing', async ({ missing, given }) => {
    const started = startImage('all-in-one', { ...env, ...given });
    expect(await started.exit).toEqual({ code: 1, signal: null });
    expect(started.lines).toEqual([expect.stringContaining(`✗ ${missing} must be set`)]);
  });

  it('ends with the line of what cannot start', async () => {
    const started = startImage('all-in-one', { ...env, ...SECRETS, TOKENHUB_API_KEY: 'too-short' });
    expect(await started.exit).toEqual({ code: 1, signal: null });
    expect(started.lines.join('\n')).toContain('TOKENHUB_API_KEY: must be th_');
    expect(started.lines.join('\n')).not.toContain('too-short');
  });

  it('answers with the key alone, restarts what dies, ends in order and keeps its jobs', async () => {
    const first = startImage('all-in-one', { ...env, ...SECRETS }, { readyUrl: `${url}/ready` });
    await first.waitUntilReady();
    await waitFor(() => first.lines.some((line) => line.includes('Tokenhub is ready')));
    await expectServedWithTheKeyAlone(url);
    expect(await health('all-in-one', env)).toBe(0);
    const authorization = { authorization: `Bearer ${API_KEY}` };
    const posted = await fetch(`${url}/v1/jobs`, {
      method: 'POST',
      headers: { ...authorization, 'content-type': 'application/json', prefer: 'wait=20' },
      body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content: 'Say hello' }] } }),
    });
    const { id, state } = (await posted.json()) as { id: string; state: string };
    expect(state).toBe('completed');

    process.kill(childOf(first, 'dist/apps/worker/src/main.js'), 'SIGKILL');
    await waitFor(() => first.lines.some((line) => line.includes('worker died (signal SIGKILL); restarting it')));
    await expectServedWithTheKeyAlone(url);

    expect(await first.stop(30_000)).toEqual({ code: 0, signal: null });
    const ended = first.lines.flatMap((line) => /▸ (\w+) stopped/.exec(line)?.[1] ?? []);
    expect(ended).toEqual(['api', 'worker', 'redis']);
    expect(await health('all-in-one', env)).toBe(1);

    const second = startImage('all-in-one', { ...env, ...SECRETS }, { readyUrl: `${url}/ready` });
    await second.waitUntilReady();
    const kept = await fetch(`${url}/v1/jobs/${id}`, { headers: authorization });
    expect((await kept.json()) as object).toMatchObject({ id, state: 'completed' });
    expect(await second.stop(30_000)).toEqual({ code: 0, signal: null });
  }, 90_000);
});

/** The pid of the process's child whose command line has this in it. */
function childOf({ pid }: RunningProcess, word: string): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const [stat, command] = ['stat', 'cmdline'].map((file) => readProc(name, file));
    // After the name in brackets: its state, whichever that is at this moment, and its parent.
    const parent = /.*\) \S (\d+) /s.exec(stat ?? '')?.[1];
    if (parent === String(pid) && command?.includes(word) === true) return Number(name);
  }
  throw new Error(`process ${pid} has no child ${word}`);
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(join('/proc', pid, file), 'utf8');
  } catch {
    return '';
  }
}
