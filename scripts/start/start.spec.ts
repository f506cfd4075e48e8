import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '#testing/free-port.js';
import { type RunningProcess, startProcess } from '#testing/process-harness.js';
import { temporaryFolder } from '#testing/reaper.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { waitFor } from '#testing/wait-for.js';
import { isAlive } from '../lib/child-process.ts';

// The scripts as they are, in a checkout whose four programs are a few lines each: what is tested is the start, not what it starts.
const checkout = temporaryFolder('checkout');
const TOY = `
import { createServer } from 'node:http';
const app = import.meta.filename.split('/').at(-3);
const port = { api: process.env.TOKENHUB_PORT, worker: process.env.TOKENHUB_WORKER_PORT }[app] ?? process.argv.at(-1);
const server = createServer((request, answer) => (request.url === '/die' ? process.exit(3) : answer.end('{}')));
server.listen(Number(port), '127.0.0.1', () => console.log('listening', process.env.TOKENHUB_AUTH));
process.on('SIGTERM', () => process.exit(0));
`;

let started: RunningProcess[] = [];
let env: Record<string, string>;

beforeAll(() => {
  const root = repositoryRoot();
  for (const name of ['package.json', 'package-lock.json', '.swcrc', 'scripts']) {
    cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  for (const app of ['api', 'worker', 'simulator']) {
    mkdirSync(join(checkout, 'dist', 'apps', app, 'src'), { recursive: true });
    writeFileSync(join(checkout, 'dist', 'apps', app, 'src', 'main.js'), TOY);
  }
  mkdirSync(join(checkout, 'dist', 'libs', 'database', 'src'), { recursive: true });
  writeFileSync(join(checkout, 'dist', 'libs', 'database', 'src', 'embedded-main.js'), TOY);
  for (const name of ['apps', 'libs']) mkdirSync(join(checkout, name));
  writeFileSync(join(checkout, 'dist', 'built-at'), String(Date.now() + 3_600_000));
});

afterEach(async () => {
  await Promise.all(started.map((one) => one.stop()));
  started = [];
});

async function settings(): Promise<Record<string, string>> {
  return {
    TOKENHUB_STATE_DIR: temporaryFolder('state'),
    TOKENHUB_PORT: String(await freePort()),
    TOKENHUB_WORKER_PORT: String(await freePort()),
    TOKENHUB_SIMULATOR_PORT: String(await freePort()),
  };
}

function npmStart(): RunningProcess {
  const running = startProcess({
    name: 'npm start',
    command: true,
    entry: process.execPath,
    args: [join(checkout, 'scripts', 'start.mjs')],
    env,
  });
  started.push(running);
  return running;
}

async function ready(running: RunningProcess): Promise<RunningProcess> {
  await waitFor(() => running.lines.some((line) => line.startsWith('Tokenhub is ready')) || !running.isRunning(), {
    timeoutMs: 30_000,
  });
  expect(running.lines.join('\n')).toContain('Tokenhub is ready');
  return running;
}

function pids(): Record<string, number> {
  const folder = join(env.TOKENHUB_STATE_DIR ?? '', 'run');
  return Object.fromEntries(
    readdirSync(folder).map((file) => [file.replace('.pid', ''), Number(readFileSync(join(folder, file), 'utf8'))]),
  );
}

describe('npm start', () => {
  it('brings everything up, restarts what dies, and on Ctrl-C stops it in order, with exit code 0 and nothing left', async () => {
    env = await settings();
    const running = await ready(npmStart());
    const before = pids();
    expect(Object.keys(before).toSorted()).toEqual(['api', 'postgres', 'redis', 'simulator', 'start', 'worker']);
    expect(running.lines).toContain('api       │ listening off');

    await fetch(`http://127.0.0.1:${env.TOKENHUB_PORT ?? ''}/die`).catch(() => undefined);
    await waitFor(() => (pids().api ?? before.api) !== before.api);
    expect(running.lines).toContain('▸ api died (exit code 3); restarting it in 0.5 s');

    const all = { ...before, ...pids() };
    process.kill(running.pid, 'SIGINT');
    // npm's echo of the same Ctrl-C is not a second one.
    process.kill(running.pid, 'SIGINT');
    expect(await running.exit).toEqual({ code: 0, signal: null });
    const order = running.lines.flatMap((line) => /^▸ (\S+) stopped/.exec(line)?.[1] ?? []);
    expect(order).toEqual(['api', 'worker', 'simulator', 'postgres', 'redis']);
    expect(Object.values(all).filter(isAlive)).toEqual([]);
    expect(pids()).toEqual({});
  });

  it('after kill -9: nothing but Redis outlives it, and the next start goes on with that Redis', async () => {
    env = await settings();
    const first = await ready(npmStart());
    const left = pids();
    await first.kill();
    await waitFor(() => [left.api, left.worker, left.simulator, left.postgres].every((pid) => !isAlive(pid ?? 0)), {
      describe: 'the orphans to end',
    });
    expect(isAlive(left.redis ?? 0)).toBe(true);

    const second = await ready(npmStart());
    expect(second.lines.join('\n')).toContain(`already running (process ${left.redis ?? 0})`);
    expect(await second.stop()).toEqual({ code: 0, signal: null });
    expect(isAlive(left.redis ?? 0)).toBe(false);
  });

  it('refuses a second start in the same folder, and leaves the first alone', async () => {
    env = await settings();
    const first = await ready(npmStart());
    const second = npmStart();
    expect(await second.exit).toEqual({ code: 1, signal: null });
    expect(second.lines.join('\n')).toContain(`npm start already runs here (process ${first.pid})`);
    expect(first.isRunning()).toBe(true);
    expect(pids().start).toBe(first.pid);
  });

  it('names a port in use and starts nothing', async () => {
    env = await settings();
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(Number(env.TOKENHUB_WORKER_PORT), '127.0.0.1', resolve));
    const running = npmStart();
    expect(await running.exit).toEqual({ code: 1, signal: null });
    holder.close();
    expect(running.lines).toEqual([
      `✗ Port ${env.TOKENHUB_WORKER_PORT ?? ''} (for a worker) is in use: end what holds it, or set TOKENHUB_WORKER_PORT to another.`,
    ]);
    expect(pids()).toEqual({});
  });
});
