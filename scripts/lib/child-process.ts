import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process under supervision: one that was spawned, or one found running and taken over. */
export interface Handle {
  readonly pid: number | undefined;
  /** Resolves with how it ended, in words: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  /** To the process alone, so that it can end its own children in its own order. */
  signal(name: NodeJS.Signals): void;
  /** SIGKILL to it and all its descendants that have not left its group. */
  killGroup(): void;
}

export interface Command {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

/**
 * Starts it in a process group of its own: Ctrl-C in the terminal then reaches the supervisor alone, which ends the
 * children in its order. Its stdin is a pipe that closes when the supervisor is gone (see end-with-supervisor.mjs).
 */
export function spawnChild({ command, args, env }: Command, onLine: (line: string) => void): Handle {
  const child = spawn(command, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  // EPIPE when the child closes its stdin: nothing is ever written to it.
  child.stdin.on('error', () => undefined);
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', onLine);
  return {
    pid: child.pid,
    ended: endOf(child),
    signal: (name) => void child.kill(name),
    killGroup: () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        sendSignal(-child.pid, 'SIGKILL');
    },
  };
}

/** Takes over a process that another supervisor had started; its end is noticed within half a second. */
export function adoptChild(pid: number): Handle {
  const watch = async (): Promise<string> => {
    while (isAlive(pid)) await sleep(500);
    return 'ended';
  };
  return {
    pid,
    ended: watch(),
    signal: (name) => sendSignal(pid, name),
    killGroup: () => sendSignal(pid, 'SIGKILL'),
  };
}

/** A process that has ended but was never waited for (a container's first process may not do it) is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isZombie(pid: number): boolean {
  try {
    // "123 (name) Z …", where the name may contain anything.
    return /^.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // No /proc on macOS, whose first process waits for everyone.
    return false;
  }
}

/** Nothing happens when there is no such process any more. */
export function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The process's command line, or undefined when there is no such process. From /proc, else from `ps`. */
export function commandLineOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    // No such process, or no /proc as on macOS: ps knows which.
  }
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      const reason = signal ? `signal ${signal}` : `exit code ${code ?? 'unknown'}`;
      // Its last lines may still be in the pipe; a grandchild that keeps the pipe open must not hold us.
      void Promise.race([new Promise((closed) => child.once('close', closed)), sleep(300)]).then(() => resolve(reason));
    });
  });
}
