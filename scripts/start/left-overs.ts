import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandLineOf, isAlive, sendSignal } from '../lib/child-process.ts';
import { ExpectedError } from '../lib/steps.ts';

/** Who runs for this state folder, on disk, so that a start after a kill -9 knows what the one before has left. */
export interface RunFolder {
  /** Throws an `ExpectedError` when another `npm start` runs here; else this one does, until `unlock`. */
  lock(): void;
  unlock(): void;
  /** Remembers or forgets a child. */
  record(name: string, pid: number | undefined): void;
  /** Ends processes that a killed start has left, and gives their names with pids. */
  endLeftOvers(): Promise<string[]>;
}

const SUPERVISOR = 'start';
const PATIENCE_MS = 30_000;

/** `entryPrefix` begins the script path of our own processes: a pid whose command line lacks it belongs to somebody else by now. */
export function createRunFolder(stateDir: string, entryPrefix: string): RunFolder {
  const folder = join(stateDir, 'run');
  mkdirSync(folder, { recursive: true });
  const fileOf = (name: string): string => join(folder, `${name}.pid`);
  const record = (name: string, pid: number | undefined): void => {
    if (pid === undefined) rmSync(fileOf(name), { force: true });
    else writeFileSync(fileOf(name), String(pid));
  };
  return {
    record,
    lock: () => {
      const other = runningPid(fileOf(SUPERVISOR), join('scripts', 'start.mjs'));
      if (other !== undefined && other !== process.pid) {
        throw new ExpectedError(
          `npm start already runs here (process ${other}): end it first, or set TOKENHUB_STATE_DIR to another folder.`,
        );
      }
      record(SUPERVISOR, process.pid);
    },
    unlock: () => record(SUPERVISOR, undefined),
    endLeftOvers: async () => {
      const names = readdirSync(folder).map((file) => basename(file, '.pid'));
      // Redis is not ended but taken over; see planPrivateRedis.
      const ended = names
        .filter((name) => name !== SUPERVISOR && name !== 'redis')
        .map(async (name) => {
          const pid = runningPid(fileOf(name), entryPrefix);
          if (pid !== undefined) await endProcess(pid);
          record(name, undefined);
          return pid === undefined ? [] : [`${name} (process ${pid})`];
        });
      return (await Promise.all(ended)).flat();
    },
  };
}

function runningPid(file: string, commandPart: string): number | undefined {
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  return commandLineOf(pid)?.includes(commandPart) ? pid : undefined;
}

async function endProcess(pid: number): Promise<void> {
  sendSignal(pid, 'SIGTERM');
  const end = performance.now() + PATIENCE_MS;
  while (isAlive(pid) && performance.now() < end) await sleep(50);
  sendSignal(pid, 'SIGKILL');
}
