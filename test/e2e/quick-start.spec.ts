import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, isFree } from '#testing/free-port.js';
import { readmeCommands } from '#testing/readme-commands.js';
import { temporaryFolder } from '#testing/reaper.js';
import { repositoryRoot } from '#testing/repository-root.js';
import { waitFor } from '#testing/wait-for.js';

/*
 * The README's quick start, run as a reader would: every command of its ```sh blocks, unchanged, in order. The state goes to a
 * temporary folder (the environment, not the command). Only when a default port is taken on this machine is another one used, and
 * then `localhost:8080` is replaced in the commands. `git clone` and `cd` are passed over: the reader is already there.
 */

const root = repositoryRoot();
const commands = readmeCommands(readFileSync(join(root, 'README.md'), 'utf8'), '## Quick start').filter(
  (command) => !/^(git clone|cd) /.test(command),
);
const DEFAULT_PORTS = { TOKENHUB_PORT: 8080, TOKENHUB_WORKER_PORT: 8081, TOKENHUB_SIMULATOR_PORT: 8090 };

interface Started {
  lines: string[];
  exit: Promise<number | null>;
  /** What Ctrl-C in a terminal does: SIGINT to npm and everything in its group. */
  ctrlC(): void;
}

let environment: NodeJS.ProcessEnv;
let apiPort: number;
let stateDir: string;
let running: Started | undefined;
const groups: ChildProcess[] = [];

beforeAll(async () => {
  stateDir = temporaryFolder('quick-start');
  const ports = await portsToUse();
  apiPort = Number(ports.TOKENHUB_PORT ?? DEFAULT_PORTS.TOKENHUB_PORT);
  const foreign = /^(TOKENHUB_|OPENAI_|ANTHROPIC_|npm_)|^(REDIS_URL|DATABASE_URL|NODE_OPTIONS|NODE_ENV)$/;
  const own = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  environment = { ...Object.fromEntries(own), TOKENHUB_STATE_DIR: stateDir, ...ports };
});

afterAll(async () => {
  running?.ctrlC();
  await running?.exit;
  for (const { pid } of groups) if (pid !== undefined) signalGroup(pid, 'SIGKILL');
});

describe('the README’s quick start', () => {
  it('has a start, a job and a chat completion to run', () => {
    expect(commands.filter((command) => command === 'npm start')).toHaveLength(1);
    expect(commands.some((command) => /curl\b.*\/v1\/jobs\b/s.test(command))).toBe(true);
    expect(commands.some((command) => /curl\b.*\/v1\/chat\/completions\b/s.test(command))).toBe(true);
  });

  it('works as written, command by command', async () => {
    const variables: Record<string, string> = {};
    for (const command of commands) {
      if (command === 'npm start') running = await start(command);
      else check(command, await run(withPort(command), variables));
    }
    expect(running).toBeDefined();
  }, 300_000);

  it('stops on Ctrl-C with exit code 0 and no process left, and the next start finishes the job that was waiting', async () => {
    const waiting = await post({ not_before: new Date(Date.now() + 12_000).toISOString() });
    expect(waiting.state).toBe('queued');
    const pids = recordedPids();
    expect(pids.length).toBeGreaterThanOrEqual(4);

    running?.ctrlC();
    expect(await running?.exit).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);

    running = await start('npm start');
    const finished = await waitFor(
      async () => {
        const job = await get(waiting.id);
        return ['completed', 'failed', 'expired', 'cancelled'].includes(job.state) && job;
      },
      { timeoutMs: 60_000, pauseMs: 200, describe: 'the job of the first start to end' },
    );
    expect(finished.state).toBe('completed');
    await waitFor(async () => (await recordedAttempts()).includes(`${waiting.id}-answer.1`), {
      describe: 'the embedded database to have what both starts have used',
    });
    expect((await recordedAttempts()).length).toBeGreaterThan(1);

    running.ctrlC();
    expect(await running.exit).toBe(0);
    running = undefined;
  }, 180_000);
});

/** The ids of all attempts in the usage ledger. */
async function recordedAttempts(): Promise<string[]> {
  const token = readFileSync(join(stateDir, 'admin-token'), 'utf8').trim();
  const answer = await fetch(`http://127.0.0.1:${apiPort}/admin/v1/usage/attempts`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const lines = (await answer.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

async function start(command: string): Promise<Started> {
  // `exec`, because a reader's own shell is not in the group that Ctrl-C goes to, and this one would die of it.
  const child = spawn('sh', ['-c', `exec ${command}`], {
    cwd: root,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  groups.push(child);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => lines.push(line));
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const { pid = 0 } = child;
  // Dependencies and a Redis may have to be installed first.
  await waitFor(() => lines.some((line) => line.startsWith('Tokenhub is ready')) || child.exitCode !== null, {
    timeoutMs: 240_000,
    describe: '"Tokenhub is ready"',
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${lines.slice(-40).join('\n')}`);
  });
  if (child.exitCode !== null)
    throw new Error(`${command} ended with ${child.exitCode}:\n${lines.slice(-40).join('\n')}`);
  return { lines, exit, ctrlC: () => signalGroup(pid, 'SIGINT') };
}

/** Runs one command in a shell of its own; what it assigns (`id=$(curl …)`) is there for the commands after it. */
async function run(command: string, variables: Record<string, string>): Promise<string> {
  const assigned = /^([A-Za-z_]\w*)=/.exec(command)?.[1];
  const script = assigned === undefined ? command : `${command}\nprintf '%s' "$${assigned}"`;
  const child = spawn('sh', ['-c', script], {
    cwd: root,
    env: { ...environment, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0)
    throw new Error(`exit ${code ?? 'by signal'} of: ${command}\n${Buffer.concat(complaints).toString()}`);
  const text = Buffer.concat(output).toString();
  if (assigned !== undefined) variables[assigned] = text;
  return text;
}

/** What a reader should see, by what the command calls. */
function check(command: string, output: string): void {
  if (!command.includes('curl')) return;
  expect(output).not.toBe('');
  if (/^[A-Za-z_]\w*=/.test(command)) return;
  if (command.includes('/events')) {
    expect(output).toMatch(/^event: job\.completed$/m);
  } else if (/"stream"\s*:\s*true/.test(command)) {
    expect(output.trim().split('\n').at(-1)).toBe('data: [DONE]');
  } else if (command.includes('/v1/chat/completions')) {
    const { choices } = JSON.parse(output) as { choices: { message: { content: string } }[] };
    expect(choices[0]?.message.content).toEqual(expect.stringMatching(/\S/));
  } else if (command.includes('/v1/jobs')) {
    const job = JSON.parse(output) as Job;
    expect(job).toMatchObject({ object: 'job', id: expect.stringMatching(/^job_/) as unknown });
    expect(job.state).toBe(
      /prefer: ?wait|[?&]wait=/i.test(command)
        ? 'completed'
        : expect.stringMatching(/^(queued|in_progress|completed)$/),
    );
  } else {
    expect(() => JSON.parse(output) as unknown).not.toThrow();
  }
}

interface Job {
  id: string;
  state: string;
}

async function post(more: Record<string, unknown>): Promise<Job> {
  const answer = await fetch(`http://127.0.0.1:${apiPort}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content: 'Say hello' }] }, ...more }),
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Job;
}

async function get(id: string): Promise<Job> {
  const answer = await fetch(`http://127.0.0.1:${apiPort}/v1/jobs/${id}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Job;
}

async function portsToUse(): Promise<Record<string, string>> {
  const ports: Record<string, string> = {};
  for (const [variable, port] of Object.entries(DEFAULT_PORTS)) {
    if (!(await isFree(port))) ports[variable] = String(await freePort());
  }
  return ports;
}

function withPort(command: string): string {
  return command.replaceAll(`localhost:${DEFAULT_PORTS.TOKENHUB_PORT}`, `localhost:${apiPort}`);
}

function recordedPids(): number[] {
  const folder = join(stateDir, 'run');
  return readdirSync(folder).map((file) => Number(readFileSync(join(folder, file), 'utf8')));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
