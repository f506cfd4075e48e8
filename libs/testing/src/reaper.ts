import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import process from 'node:process';

// A hook at exit is not enough: Jest ends a worker that hangs with SIGKILL, and a server left behind holds its port and memory.
let reaper: ChildProcess | undefined;

/** Has the process killed, should this one end without having called `forgetProcess`. */
export function reapAtExit(pid: number): void {
  tell(`+${pid}`);
}

/** To be called once the process has ended, before its pid can belong to another. */
export function forgetProcess(pid: number): void {
  tell(`-${pid}`);
}

/** A new folder in the system's temporary folder; deleted when this process has ended, if nobody did before. */
export function temporaryFolder(label: string): string {
  const folder = mkdtempSync(join(tmpdir(), `tokenhub-${label}-`));
  tell(folder);
  return folder;
}

function tell(line: string): void {
  reaper ??= startReaper();
  reaper.stdin?.write(`${line}\n`);
}

function startReaper(): ChildProcess {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, `reaper-main${extname(import.meta.filename)}`)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Its own session: a Ctrl-C in the terminal must not end it before the processes it watches.
    detached: true,
    env,
  });
  child.unref();
  const input = child.stdin as (typeof child.stdin & { unref?: () => void }) | null;
  input?.unref?.();
  return child;
}
