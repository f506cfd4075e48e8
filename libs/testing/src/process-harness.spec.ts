import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from './free-port.js';
import { type RunningProcess, startProcess } from './process-harness.js';
import { temporaryFolder } from './reaper.js';
import { waitFor } from './wait-for.js';
import process from 'node:process';

const folder = temporaryFolder('process-spec');
const started: RunningProcess[] = [];

function node(
  name: string,
  source: string,
  more: { readyUrl?: string; env?: Record<string, string> } = {},
): RunningProcess {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, source);
  const running = startProcess({ name, command: true, entry: process.execPath, args: [file], ...more });
  started.push(running);
  return running;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.kill()));
});

describe('startProcess', () => {
  it('is ready when the URL answers 200, and not while it answers 503', async () => {
    const port = await freePort();
    const server = node(
      'server',
      `import { createServer } from 'node:http';
       let asked = 0;
       createServer((_, answer) => { asked += 1; answer.writeHead(asked < 3 ? 503 : 200).end(); console.log('asked', asked); }).listen(${port}, '127.0.0.1');`,
      { readyUrl: `http://127.0.0.1:${port}/ready` },
    );
    await server.waitUntilReady();
    await waitFor(() => server.lines.includes('asked 3'));
    expect(await server.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(server.isRunning()).toBe(false);
  });

  it('names a process that ends before it is ready, with its last lines', async () => {
    const failing = node('failing', `console.error('TOKENHUB_PORT is not a port'); process.exitCode = 1;`, {
      readyUrl: 'http://127.0.0.1:9/ready',
    });
    await expect(failing.waitUntilReady()).rejects.toThrow(
      /failing ended before it was ready:\nTOKENHUB_PORT is not a port/,
    );
    expect(await failing.exit).toEqual({ code: 1, signal: null });
  });

  it('kills what does not end on SIGTERM, and the exit shows it', async () => {
    const stubborn = node(
      'stubborn',
      `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up');`,
    );
    await waitFor(() => stubborn.lines.includes('up'));
    expect(await stubborn.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('passes only the environment it was given', async () => {
    process.env.TOKENHUB_LEAK = 'leaked';
    const printing = node('printing', `console.log(process.env.TOKENHUB_LEAK ?? 'none', process.env.GIVEN);`, {
      env: { GIVEN: 'given' },
    });
    await printing.exit;
    delete process.env.TOKENHUB_LEAK;
    expect(printing.lines).toEqual(['none given']);
  });

  it('has ended when its children have, and every line is read by then', async () => {
    const parent = node(
      'parent',
      `import { spawn } from 'node:child_process';
       const child = "console.log('child is up'); process.stdin.on('end', () => console.log('child ends')).resume();";
       spawn(process.execPath, ['-e', child], { stdio: ['pipe', 'inherit', 'inherit'] });`,
    );
    await waitFor(() => parent.lines.includes('child is up'));
    await parent.kill();
    expect(parent.lines).toEqual(['child is up', 'child ends']);
  });
});

describe('the reaper', () => {
  it('ends the children of a test process that was killed', async () => {
    const pidFile = join(folder, 'orphan.pid');
    const orphanSource = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000);`;
    const reaperMain = join(import.meta.dirname, 'reaper-main.ts');
    const parent = node(
      'parent',
      `import { spawn } from 'node:child_process';
       const orphan = spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(orphanSource)}]);
       const reaper = spawn(process.execPath, [${JSON.stringify(reaperMain)}], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
       reaper.stdin.write('+' + orphan.pid + '\\n', () => console.log('watched', orphan.pid));`,
    );
    const line = await waitFor(() => parent.lines.find((one) => one.startsWith('watched ')));
    const orphan = Number(line.split(' ')[1]);
    await parent.kill();
    await waitFor(() => !isAlive(orphan), { describe: 'the orphan to end' });
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
