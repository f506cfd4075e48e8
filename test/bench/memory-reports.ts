/** Memory as processes tell it themselves: what is left after a forced collection. */
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type { RunningProcess } from '#testing/process-harness.js';
import { waitFor } from '#testing/wait-for.js';

export interface MemoryReport {
  memory_report: number;
  heapUsed: number;
  external: number;
  rss: number;
}

/** `NODE_OPTIONS` of a process that can be asked. */
export const REPORTING = `--expose-gc --import ${pathToFileURL(join(import.meta.dirname, 'report-memory.mjs')).href}`;

/** Has a process collect its garbage and say what is left. */
export async function memoryOf(asked: RunningProcess): Promise<MemoryReport> {
  const before = lastReport(asked)?.memory_report ?? 0;
  process.kill(asked.pid, 'SIGWINCH');
  return waitFor(
    () => {
      const last = lastReport(asked);
      return last !== null && last.memory_report > before && last;
    },
    { describe: `a memory report of ${asked.name}` },
  );
}

/** What the process keeps, in bytes. */
export function keptBytes({ heapUsed, external }: MemoryReport): number {
  return heapUsed + external;
}

function lastReport({ lines }: RunningProcess): MemoryReport | null {
  const line = lines.findLast((one) => one.startsWith('{"memory_report":'));
  return line === undefined ? null : (JSON.parse(line) as MemoryReport);
}
