import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from './steps.ts';

/** Why `dist/` must be built, in words, or undefined when it is younger than every source. */
export function whyBuild(root: string): string | undefined {
  const stamp = join(root, 'dist', 'built-at');
  if (!existsSync(stamp)) return 'not built yet';
  const builtAt = Number(readFileSync(stamp, 'utf8'));
  const changed = ['apps', 'libs', '.swcrc', join('scripts', 'build.mjs')].find(
    (name) => newest(join(root, name)) >= builtAt,
  );
  return changed === undefined ? undefined : `${changed} changed`;
}

/** Runs scripts/build.mjs, which says itself what is wrong. Throws an `ExpectedError`. */
export async function build(root: string): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new ExpectedError('The build failed; see above.');
}

/** Milliseconds; folders count too, because a deleted file only changes its folder. */
function newest(path: string): number {
  const own = statSync(path);
  if (!own.isDirectory()) return own.mtimeMs;
  const inside = readdirSync(path, { recursive: true, encoding: 'utf8' }).map(
    (name) => statSync(join(path, name)).mtimeMs,
  );
  return inside.reduce((a, b) => Math.max(a, b), own.mtimeMs);
}
