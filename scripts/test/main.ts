/** `npm test`: every check, one after the other, and a table of what came of it. `npm test -- unit lint` runs those alone. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOrInstallChromium } from '../lib/chromium-install.ts';
import { findOrInstallPostgres } from '../lib/postgres-install.ts';
import { findOrInstallRedis } from '../lib/redis-program.ts';
import { ExpectedError, reportFailure } from '../lib/steps.ts';
import { CHECKS, type Check } from './checks.ts';
import { type CheckResult, countsOf, type JestReport, outcomeOf, summary } from './summary.ts';

const root = join(import.meta.dirname, '..', '..');
const reports = join(root, '.tokenhub', 'test');

/** Resolves with the exit code: 0 when every check that was asked for has passed. */
export async function main(args: string[]): Promise<number> {
  try {
    const { names, goOn } = parseChecks(args);
    const checks = CHECKS.filter(({ name }) => names.length === 0 || names.includes(name));
    const env = environment(checks);
    rmSync(reports, { recursive: true, force: true });
    mkdirSync(reports, { recursive: true });
    const startedAt = performance.now();
    const results: CheckResult[] = [];
    for (const check of checks) {
      const stop = !goOn && results.some(({ outcome }) => outcome === 'failed');
      results.push(stop ? { name: check.name, outcome: 'not run', ms: 0 } : await run(check, env));
    }
    console.log(summary(results, performance.now() - startedAt));
    return results.every(({ outcome }) => outcome === 'ok' || outcome === 'not checked') ? 0 : 1;
  } catch (error) {
    return reportFailure(error);
  }
}

function parseChecks(args: string[]): { names: string[]; goOn: boolean } {
  const known = CHECKS.map(({ name }) => name);
  const usage = `Usage: npm test -- [--all] [${known.join(' | ')}]…   (--all goes on after a failure)`;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { all: { type: 'boolean', default: false } },
    });
    const unknown = positionals.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new Error(`there is no check "${unknown}"`);
    return { names: positionals, goOn: values.all };
  } catch (error) {
    throw new ExpectedError(`${error instanceof Error ? error.message : String(error)}\n  ${usage}`);
  }
}

function environment(checks: Check[]): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`,
  };
  if (!checks.some(({ jestProject }) => jestProject !== undefined)) return env;
  const redis = findOrInstallRedis((line) => console.log(line));
  const postgres = findOrInstallPostgres((line) => console.log(line));
  const browser = checks.some(({ name }) => name === 'e2e') && findOrInstallChromium((line) => console.log(line));
  console.log(`▸ Tests run against ${redis.label}, ${postgres} and PGlite`);
  return {
    ...env,
    // The suites start hundreds of processes, each of thousands of modules.
    NODE_COMPILE_CACHE: join(root, '.tokenhub', 'compile-cache'),
    TOKENHUB_TEST_REDIS_BINARY: redis.path,
    ...(browser && { TOKENHUB_TEST_CHROMIUM: browser }),
    NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
  };
}

async function run(check: Check, env: NodeJS.ProcessEnv): Promise<CheckResult> {
  console.log(`\n▸ ${check.name}: ${check.what}`);
  const report = join(reports, `${check.name}.json`);
  const args = [...check.args, ...(check.jestProject === undefined ? [] : ['--json', `--outputFile=${report}`])];
  const startedAt = performance.now();
  // Jest prints its JSON only to the file; its report for people goes to stderr.
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  const outcome = await new Promise<CheckResult['outcome']>((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(outcomeOf(code)));
  });
  const result: CheckResult = { name: check.name, outcome, ms: performance.now() - startedAt };
  return check.jestProject === undefined ? result : { ...result, counts: countsOf(readReport(report)) };
}

function readReport(path: string): JestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as JestReport;
  } catch {
    // Jest that could not start has written none; its exit code has said so.
    return undefined;
  }
}
