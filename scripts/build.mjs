/**
 * Compiles apps and libs to dist/ with swc, one file to one file, and copies the Lua scripts beside them. Files are replaced in
 * place, and what has no source any more is deleted at the end: a running `npm start` that restarts a process always finds a tree.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const stamp = join(dist, 'built-at');
const swc = join(root, 'node_modules/@swc/cli/bin/swc.js');
const options = ['-d', 'dist', '--copy-files', '--quiet', '--ignore', '**/*.spec.ts,**/README.md'];
const startedAt = Date.now();

rmSync(stamp, { force: true });
try {
  execFileSync(process.execPath, [swc, 'apps', 'libs', ...options], { cwd: root, stdio: 'inherit' });
  deleteOlder();
  // When the sources were read: `npm start` builds again when one has changed since.
  writeFileSync(stamp, String(startedAt));
} catch (error) {
  // swc itself has said what is wrong with which file.
  console.error(`✗ the build failed${error.status === undefined ? `: ${error.message}` : ''}`);
  process.exitCode = 1;
}

/** swc has just written every file that has a source. */
function deleteOlder() {
  if (!existsSync(dist)) return;
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && statSync(path).mtimeMs < startedAt) rmSync(path);
  }
}
