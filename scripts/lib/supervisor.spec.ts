import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type RunningProcess, startProcess } from '#testing/process-harness.js';
import { temporaryFolder } from '#testing/reaper.js';
import { waitFor } from '#testing/wait-for.js';
import { isAlive } from './child-process.ts';
import { type ChildSpec, restartDelay } from './supervised-child.ts';
import { Supervisor } from './supervisor.ts';

const folder = temporaryFolder('supervisor');
const PRELOAD = join(import.meta.dirname, 'end-with-supervisor.mjs');

/** Says `up`, lives until SIGTERM, then says `down`. */
const OBEDIENT = `process.on('SIGTERM', () => { console.log('down'); process.exit(0); }); setInterval(() => {}, 1000); console.log('up');`;
const STUBBORN = `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('up');`;

let said: string[];
let printed: string[];
let pids: Map<string, number | undefined>;
let supervisor: Supervisor;

beforeEach(() => {
  said = [];
  printed = [];
  pids = new Map();
  supervisor = new Supervisor({
    say: (line) => said.push(line),
    onLine: (name, line) => printed.push(`${name}: ${line}`),
    onPid: (name, pid) => pids.set(name, pid),
    restartDelayMs: () => 5,
  });
});

afterEach(() => supervisor.kill());

function child(name: string, source: string, more: Partial<ChildSpec> = {}): ChildSpec {
  return {
    name,
    command: process.execPath,
    args: ['-e', source],
    env: { PATH: process.env.PATH },
    isReady: () => Promise.resolve(printed.includes(`${name}: up`)),
    stopTimeoutMs: 5_000,
    readyTimeoutMs: 5_000,
    ...more,
  };
}

function livingPid(name: string): number | undefined {
  const pid = pids.get(name);
  return pid !== undefined && isAlive(pid) ? pid : undefined;
}

describe('Supervisor', () => {
  it('stops stages in the opposite order of their start, each after the one before has ended', async () => {
    await supervisor.start(child('redis', OBEDIENT));
    await supervisor.start(child('worker-1', OBEDIENT), child('worker-2', OBEDIENT));
    await supervisor.start(child('api', OBEDIENT));
    await supervisor.stop();
    const order = said.map((line) => line.split(' ')[0]);
    expect(order[0]).toBe('api');
    expect(order.slice(1, 3).toSorted()).toEqual(['worker-1', 'worker-2']);
    expect(order.slice(3)).toEqual(['redis']);
    expect(printed.filter((line) => line.endsWith('down'))).toHaveLength(4);
  });

  it('restarts a process that dies, and says how it died', async () => {
    await supervisor.start(child('worker', OBEDIENT));
    const first = livingPid('worker') ?? 0;
    process.kill(first, 'SIGKILL');
    const second = await waitFor(() => pids.get('worker') !== first && livingPid('worker'));
    expect(second).not.toBe(first);
    expect(said).toContain('worker died (signal SIGKILL); restarting it in 0.0 s');
  });

  it('gives up on a process that dies five times before it was ready, with its last lines', async () => {
    const starting = supervisor.start(child('api', `console.error('TOKENHUB_PORT is "x"'); process.exit(1);`));
    await expect(starting).rejects.toThrow(
      /api died 5 times before it was ready\. Its last lines:\n +TOKENHUB_PORT is "x"/,
    );
    expect(said).toHaveLength(4);
    expect(livingPid('api')).toBeUndefined();
  });

  it('names a program that does not exist', async () => {
    await expect(supervisor.start(child('redis', '', { command: 'no-such-redis' }))).rejects.toThrow(
      'redis died 5 times',
    );
    expect(said[0]).toContain('ENOENT');
  });

  it('names a process that lives but does not get ready', async () => {
    const waiting = supervisor.start(
      child('api', OBEDIENT, { isReady: () => Promise.resolve(false), readyTimeoutMs: 50 }),
    );
    await expect(waiting).rejects.toThrow('api was not ready after 0.1 s');
  });

  it('kills what ignores SIGTERM after its time, and goes on to the next stage', async () => {
    await supervisor.start(child('redis', OBEDIENT));
    await supervisor.start(child('worker', STUBBORN, { stopTimeoutMs: 50 }));
    await supervisor.stop();
    expect(said).toEqual([
      expect.stringContaining('worker did not end within 0.1 s: killing it'),
      expect.stringContaining('worker stopped'),
      expect.stringContaining('redis stopped'),
    ]);
    expect([livingPid('worker'), livingPid('redis')]).toEqual([undefined, undefined]);
  });

  it('starts nothing once it is stopping', async () => {
    await supervisor.stop();
    expect(await supervisor.start(child('api', OBEDIENT))).toBe(false);
    expect(pids.size).toBe(0);
  });

  it('takes over a running process, replaces it when it dies, and ends it with the rest', async () => {
    const found = startProcess({ name: 'found', command: true, entry: process.execPath, args: ['-e', OBEDIENT] });
    await waitFor(() => found.lines.includes('up'));
    await supervisor.start(child('redis', OBEDIENT, { adoptPid: found.pid, isReady: () => Promise.resolve(true) }));
    expect(pids.get('redis')).toBe(found.pid);
    await found.kill();
    await waitFor(() => pids.get('redis') !== found.pid && livingPid('redis'));
    await supervisor.stop();
    expect(livingPid('redis')).toBeUndefined();
  });
});

describe('restartDelay', () => {
  it('doubles from half a second to ten seconds', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(restartDelay)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
});

describe('end-with-supervisor', () => {
  let parent: RunningProcess | undefined;
  afterEach(() => parent?.kill());

  it('ends a child, also one with worker threads, when its supervisor is killed with SIGKILL, and not before', async () => {
    const pidFile = join(folder, 'child.pid');
    const childFile = join(folder, 'child.mjs');
    writeFileSync(
      childFile,
      `import { writeFileSync } from 'node:fs';
       import { Worker } from 'node:worker_threads';
       const worker = new Worker('setInterval(() => {}, 1000)', { eval: true });
       worker.on('online', () => setTimeout(() => writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)), 100));`,
    );
    const source = `require('child_process').spawn(process.execPath, ['--import', ${JSON.stringify(PRELOAD)}, ${JSON.stringify(childFile)}], { detached: true, stdio: 'pipe' }); setInterval(() => {}, 1000);`;
    parent = startProcess({ name: 'parent', command: true, entry: process.execPath, args: ['-e', source] });
    const pid = await waitFor(() => Number(readFileSync(pidFile, 'utf8')));
    expect(isAlive(pid)).toBe(true);
    await parent.kill();
    await waitFor(() => !isAlive(pid), { describe: 'the child to end' });
  });
});
