import { aptInstall } from './apt-install.ts';
import { findProgram } from './programs.ts';
import { ExpectedError } from './steps.ts';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const INSTRUCTION =
  'The tests of the admin page need Chromium or Chrome on the PATH: install it with the system’s package manager (Debian: chromium).';

/**
 * The browser for the tests of the admin page: from the PATH, else Debian's package. Gives its path. Throws an `ExpectedError` when there
 * is none and none can be had.
 */
export function findOrInstallChromium(say: (line: string) => void): string {
  const found = chromiumHere();
  if (found !== undefined) return found;
  aptInstall({ packages: ['chromium'], instruction: INSTRUCTION, say });
  const installed = chromiumHere();
  if (installed === undefined) throw new ExpectedError(`The package brought no Chromium. ${INSTRUCTION}`);
  return installed;
}

function chromiumHere(): string | undefined {
  return PROGRAMS.map(findProgram).find((path) => path !== undefined);
}
