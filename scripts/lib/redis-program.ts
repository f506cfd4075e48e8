import { findProgram, runQuietly } from './programs.ts';
import { installPlan } from './redis-install.ts';
import { ExpectedError } from './steps.ts';

const PROGRAMS = ['redis-server', 'valkey-server'];
const OLDEST = 7;

export interface RedisProgram {
  path: string;
  /** `redis-server 7.0.15` */
  label: string;
}

/**
 * A Redis or Valkey server program of version 7.0 or later: from the PATH, else installed with the system's package manager.
 * Throws an `ExpectedError` with what to do when there is none to be had.
 */
export function findOrInstallRedis(say: (line: string) => void): RedisProgram {
  const found = candidates();
  const usable = found.find(({ major }) => major >= OLDEST);
  if (usable) return usable;
  if (found.length > 0)
    throw new ExpectedError(`${found.map(({ label }) => label).join(' and ')} is too old: ${INSTRUCTION}`);

  const plan = installPlan();
  if (!plan) throw new ExpectedError(`There is no redis-server or valkey-server on the PATH: ${INSTRUCTION}`);
  for (const { command, args, env, optional } of plan) {
    say(`  … ${[command, ...args].join(' ')}`);
    const { ok, output } = runQuietly(command, args, env);
    if (!ok && !optional)
      throw new ExpectedError(`${command} failed:\n${lastLines(output)}\n  Install it yourself: ${INSTRUCTION}`);
  }
  const installed = candidates().find(({ major }) => major >= OLDEST);
  if (!installed)
    throw new ExpectedError(`The package manager gave ${candidates()[0]?.label ?? 'no server'}: ${INSTRUCTION}`);
  return installed;
}

const INSTRUCTION =
  'Tokenhub needs Redis 7.0 or later, or Valkey. Install one (https://redis.io/docs/latest/operate/oss_and_stack/install/), ' +
  'or set REDIS_URL to one that runs.';

/** Major and minor from what `--version` or INFO says: `v=7.0.15`, `redis_version:7.2.4`; undefined when it says neither. */
export function parseRedisVersion(text: string): { major: number; text: string } | undefined {
  const version = /(?:\bv=|redis_version:)(\d+)(\.[\d.]+)/.exec(text);
  return version?.[1] === undefined
    ? undefined
    : { major: Number(version[1]), text: `${version[1]}${version[2] ?? ''}` };
}

function candidates(): (RedisProgram & { major: number })[] {
  return PROGRAMS.flatMap((name) => {
    const path = findProgram(name);
    const version = path === undefined ? undefined : parseRedisVersion(runQuietly(path, ['--version']).output);
    return path === undefined || version === undefined
      ? []
      : [{ path, label: `${name} ${version.text}`, major: version.major }];
  });
}

function lastLines(text: string): string {
  return text
    .split('\n')
    .slice(-15)
    .map((line) => `    ${line}`)
    .join('\n');
}
