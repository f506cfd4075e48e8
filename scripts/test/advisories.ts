/** The check `advisories`: production dependencies with a high or critical advisory fail it; a registry that cannot be asked does not. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { judgeAdvisories } from './judge-advisories.ts';
import { NOT_CHECKED } from './summary.ts';

const root = join(import.meta.dirname, '..', '..');
const PATIENCE_MS = 60_000;
const EXIT_CODES = { ok: 0, failed: 1, 'not checked': NOT_CHECKED };

const output = await new Promise<string>((resolve) => {
  // npm's exit code says that there is something, not what: its JSON does, also when it fails.
  const args = ['audit', '--omit=dev', '--json', '--fetch-retries=1', '--fetch-timeout=20000'];
  execFile('npm', args, { cwd: root, timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) => {
    const late = error?.killed === true;
    resolve(late ? JSON.stringify({ error: { code: 'ETIMEDOUT' } }) : stdout || (error?.message ?? ''));
  });
});
const { outcome, lines } = judgeAdvisories(output);
for (const line of lines) console.log(line);
console.log(outcome === 'ok' ? 'No production dependency has a high or critical advisory.' : `Advisories: ${outcome}`);
process.exitCode = EXIT_CODES[outcome];
