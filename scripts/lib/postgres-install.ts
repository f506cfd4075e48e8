import { existsSync, readdirSync } from 'node:fs';
import { aptInstall } from './apt-install.ts';
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
  aptInstall({ packages: PACKAGES, instruction: INSTRUCTION, say });
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
