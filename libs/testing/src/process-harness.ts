import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { forgetProcess, reapAtExit } from './reaper.js';
import { repositoryRoot } from './repository-root.js';
import { waitFor } from './wait-for.js';

const KEPT_LINES = 2_000;

export interface ProcessSpec {
  /** For messages: `api`, `worker-2`. */
  name: string;
  /** A script for Node, relative to the checkout's root: `dist/apps/api/src/main.js`; or a program when `command` is true. */
  entry: string;
  command?: boolean;
  args?: string[];
  /** Default: the checkout's root. */
  cwd?: string;
  /** Everything the process sees beside PATH, HOME, TMPDIR, LANG and Node's compile cache; nothing else of the tests' environment leaks in. */
  env?: Record<string, string>;
  /** Ready is when a GET answers 200. */
  readyUrl?: string;
  /** Ready is when this gives true; for what does not speak HTTP. */
  isReady?: () => Promise<boolean>;
  /** Who runs it, when the tests run as root and the program refuses to. */
  user?: { uid: number; gid: number };
  /** What asks it to end; default SIGTERM. */
  stopSignal?: NodeJS.Signals;
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  /** The newest 2,000 lines of stdout and stderr. */
  readonly lines: readonly string[];
  /** Resolves when its last line is read and whatever inherited its output has ended too: PostgreSQL's backends outlive a killed postmaster. */
  readonly exit: Promise<ProcessExit>;
  isRunning(): boolean;
  /** Throws with the last lines when the process ends first, or after `timeoutMs` (60 s). */
  waitUntilReady(timeoutMs?: number): Promise<void>;
  /** SIGTERM, and SIGKILL after `timeoutMs` (30 s). A process that had to be killed shows in the exit. */
  stop(timeoutMs?: number): Promise<ProcessExit>;
  /** SIGKILL: what a crash looks like. */
  kill(): Promise<ProcessExit>;
  /** SIGSTOP, until `resume`: alive, but answering nobody. */
  pause(): void;
  resume(): void;
}

/** Starts a process under this Node and gives its handle at once; `waitUntilReady` is the caller's. Killed when the tests end. */
export function startProcess(spec: ProcessSpec): RunningProcess {
  const root = repositoryRoot();
  const args = spec.args ?? [];
  const child = spawn(
    spec.command ? spec.entry : process.execPath,
    spec.command ? args : [join(root, spec.entry), ...args],
    {
      cwd: spec.cwd ?? root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited(), ...spec.env },
      ...spec.user,
    },
  );
  const lines = collectLines(child);
  const exit = exitOf(child, lines);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${spec.name} could not be started: ${spec.entry}`);
  reapAtExit(pid);
  void exit.then(() => forgetProcess(pid));

  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const signal = (name: NodeJS.Signals): void => {
    if (isRunning()) child.kill(name);
  };
  return {
    name: spec.name,
    pid,
    lines,
    exit,
    isRunning,
    waitUntilReady: (timeoutMs = 60_000) => untilReady(spec, { isRunning, lines, timeoutMs }),
    stop: async (timeoutMs = 30_000) => {
      signal(spec.stopSignal ?? 'SIGTERM');
      const timer = setTimeout(() => signal('SIGKILL'), timeoutMs);
      const ended = await exit;
      clearTimeout(timer);
      return ended;
    },
    kill: () => {
      signal('SIGKILL');
      return exit;
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  };
}

function inherited(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'].map((name) => [name, process.env[name]]);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined)) as Record<string, string>;
}

function collectLines(child: ChildProcess): string[] {
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    if (!input) continue;
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
    });
  }
  return lines;
}

function exitOf(child: ChildProcess, lines: string[]): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      lines.push(String(error));
      resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

async function untilReady(
  spec: ProcessSpec,
  { isRunning, lines, timeoutMs }: { isRunning: () => boolean; lines: string[]; timeoutMs: number },
): Promise<void> {
  const { readyUrl } = spec;
  const ready = spec.isReady ?? (readyUrl === undefined ? () => Promise.resolve(true) : () => answersOk(readyUrl));
  const tail = (): string => lines.slice(-20).join('\n');
  try {
    const outcome = await waitFor(async () => (isRunning() ? (await ready()) && 'ready' : 'ended'), {
      timeoutMs,
      describe: `${spec.name} to be ready`,
    });
    if (outcome === 'ready') return;
  } catch (error) {
    throw new Error(`${String(error)}\n${tail()}`, { cause: error });
  }
  throw new Error(`${spec.name} ended before it was ready:\n${tail()}`);
}

async function answersOk(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.arrayBuffer();
  return answer.status === 200;
}
