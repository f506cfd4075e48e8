import { existsSync, readdirSync } from 'node:fs';
import { findProgram, runQuietly } from './programs.ts';
import { ExpectedError } from './steps.ts';

const DEBIAN = '/usr/lib/postgresql';
const PACKAGES = ['postgresql', 'postgresql-common'];

/**
 * Makes sure of a PostgreSQL for the tests: the machine's, else Debian's package. Gives where it is. Throws an `ExpectedError` when
 * there is none and none can be had. The embedded database of `npm start` needs none of this.
 */
export function findOrInstallPostgres(say: (line: string) => void): string {
  const found = postgresHere();
  if (found !== undefined) return found;
  const asRoot = process.getuid?.() === 0 ? [] : runQuietly('sudo', ['-n', 'true']).ok ? ['sudo', '-n'] : undefined;
  if (asRoot === undefined || findProgram('apt-get') === undefined) throw new ExpectedError(INSTRUCTION);
  for (const words of [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-y', '--no-install-recommends', ...PACKAGES],
  ]) {
    const [command = '', ...args] = [...asRoot, ...words];
    say(`  … ${[command, ...args].join(' ')}`);
    const { ok, output } = runQuietly(command, args, { DEBIAN_FRONTEND: 'noninteractive' });
    if (!ok)
      throw new ExpectedError(`${command} failed:\n${output.split('\n').slice(-15).join('\n')}\n  ${INSTRUCTION}`);
  }
  // The package starts a cluster of its own; nothing needs it.
  runQuietly('service', ['postgresql', 'stop']);
  const installed = postgresHere();
  if (installed === undefined) throw new ExpectedError(`The package brought no PostgreSQL 15 or later. ${INSTRUCTION}`);
  return installed;
}

const INSTRUCTION =
  'The tests need PostgreSQL 15 or later, with initdb, on the PATH or in /usr/lib/postgresql: install it with the system’s package manager.';

function postgresHere(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).filter((version) => Number(version) >= 15) : [];
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0];
  if (newest !== undefined) return `PostgreSQL ${newest}`;
  const program = findProgram('postgres');
  const version = program === undefined ? undefined : /(\d+)(\.\d+)?/.exec(runQuietly(program, ['--version']).output);
  return version && Number(version[1]) >= 15 ? `PostgreSQL ${version[0]}` : undefined;
}
