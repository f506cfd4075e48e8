// Reads "+<pid>", "-<pid>" and "/<folder>" lines; when its parent is gone, however it went, kills and deletes what is left.
import { rmSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';

const pids = new Set<number>();
const folders = new Set<string>();

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const value = line.slice(1);
  if (line.startsWith('+')) pids.add(Number(value));
  else if (line.startsWith('-')) pids.delete(Number(value));
  else folders.add(line);
});
lines.on('close', () => {
  for (const pid of pids) kill(pid);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH')
      process.stderr.write(`could not end ${pid}: ${String(error)}\n`);
  }
}
