/**
 * What every command does first, on whatever Node ≥ 20 the machine has: install the dependencies when they are not those of the
 * lock file, then go on under the Node 24 that is one of them. Only Node's own modules, and only syntax that Node 20.0 knows.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const WANTED_MAJOR = 24;
const OLDEST_MAJOR = 20;

/**
 * Runs `main(args)` of the script (a path in the checkout) under Node 24 and exits with what it gives.
 * @param {string} script
 */
export async function bootstrap(script) {
  const tooOld = nodeProblem(process.versions.node);
  if (tooOld) return fail(tooOld);
  const reason = whyInstall(readJson('package-lock.json'), readJson('node_modules/.package-lock.json'));
  if (reason) await install(reason);
  const node = findNode24();
  if (!node) {
    return fail(
      `Node ${WANTED_MAJOR} should be at node_modules/.bin/node, and is not. Was npm told to ignore scripts? Try: npm ci --ignore-scripts=false`,
    );
  }
  if (node !== process.execPath) return reExecute(node);
  const { main } = await import(pathToFileURL(join(root, script)).href);
  process.exit(await main(process.argv.slice(2)));
}

/**
 * What is wrong with a Node of this version, if anything.
 * @param {string} version
 * @returns {string | undefined}
 */
export function nodeProblem(version) {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return undefined;
  return `Tokenhub needs Node ${OLDEST_MAJOR} or later to set itself up; this is Node ${version}. See https://nodejs.org/en/download`;
}

/**
 * Why the dependencies must be installed, in words, or undefined when what is installed is what the lock file says.
 * Contents are compared, not dates: a fresh checkout makes every date new. Optional packages depend on the platform and are left out.
 * @param {{ packages: Record<string, { version?: string, optional?: boolean }> } | undefined} lock
 * @param {{ packages: Record<string, { version?: string }> } | undefined} installed
 * @returns {string | undefined}
 */
export function whyInstall(lock, installed) {
  if (!lock) return 'there is no package-lock.json';
  if (!installed) return 'none are installed yet';
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (path === '' || wanted.optional) continue;
    const found = installed.packages[path];
    if (found && found.version === wanted.version) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return `${name} is ${found ? (found.version ?? 'of no version') : 'missing'}, package-lock.json says ${wanted.version}`;
  }
  return undefined;
}

function readJson(path) {
  const file = join(root, path);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

async function install(reason) {
  const lock = readJson('package-lock.json');
  if (!lock) fail('there is no package-lock.json: is this a complete checkout?');
  const total = Object.values(lock.packages).filter((one) => !one.optional).length;
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  console.log(`▸ Dependencies: npm ci (${reason})`);

  const [command, ...before] = npmCommand();
  // Inside `npm start` the PATH begins with node_modules/.bin, whose `node` is about to be replaced.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== join(root, 'node_modules', '.bin'));
  const npm = spawn(command, [...before, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=http'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_ENV: undefined, PATH: path.join(delimiter) },
  });
  let fetched = 0;
  const complaints = [];
  createInterface({ input: npm.stderr }).on('line', (line) => {
    if (/^npm http (fetch|cache) /.test(line)) fetched += 1;
    else complaints.push(line);
  });
  const progress = setInterval(() => {
    const doing = fetched < total ? `${fetched} of about ${total} packages` : 'putting them in place';
    console.log(`  … ${doing}, ${seconds()}`);
  }, 3000);
  const outcome = await new Promise((resolve) => {
    npm.once('error', (error) => resolve(error.message));
    npm.once('close', (code, signal) => resolve(code === 0 ? 'done' : `exit ${code ?? signal}`));
  });
  clearInterval(progress);
  if (outcome !== 'done') fail(`npm ci failed (${outcome}) after ${seconds()}:\n${excerpt(complaints).join('\n')}`);
  console.log(`  ✓ installed (${seconds()})`);
}

/** npm says what is wrong first, then may repeat its usage, and at last names its log; its warnings are about something else. */
function excerpt(complaints) {
  const errors = complaints.filter((line) => line.startsWith('npm error'));
  const lines = errors.length > 0 ? errors : complaints;
  return lines.length <= 25 ? lines : [...lines.slice(0, 20), '…', ...lines.slice(-1)];
}

/** The npm that runs this script, under the Node that it runs on; else the one on the PATH. */
function npmCommand() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  const usable =
    npm && node && npm.endsWith('npm-cli.js') && existsSync(npm) && !node.startsWith(join(root, 'node_modules'));
  return usable ? [node, npm] : ['npm'];
}

/** The Node 24 of the dependencies, which is this very process if it runs under it; else this process if it is as new. */
function findNode24() {
  const own = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(own)) {
    const path = realpathSync(own);
    if (path === realpathSync(process.execPath)) return process.execPath;
    const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    if (status === 0 && stdout.startsWith(`v${WANTED_MAJOR}.`)) return path;
  }
  return Number.parseInt(process.versions.node, 10) >= WANTED_MAJOR ? process.execPath : undefined;
}

function reExecute(node) {
  const env = { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter) };
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`${node} does not start: ${error.message}`));
  child.once('exit', (code) => process.exit(code ?? 1));
}

function fail(message) {
  console.error(`✗ ${message}`);
  process.exit(1);
}
