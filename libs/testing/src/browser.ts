import process from 'node:process';
import { chromium, type Browser } from 'playwright-core';
import { findProgram } from './find-program.js';

/**
 * Chromium without a window; `hub.test` and what ends in it are this machine, as a network's name would be another. Throws when there
 * is none. Root, as which containers run tests, may only start it without its sandbox.
 */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserProgram(),
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--host-resolver-rules=MAP hub.test 127.0.0.1, MAP *.hub.test 127.0.0.1'],
  });
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The program: `TOKENHUB_TEST_CHROMIUM`, else Chromium or Chrome on the PATH. */
function browserProgram(): string {
  const named = process.env.TOKENHUB_TEST_CHROMIUM;
  if (named) return named;
  const found = findProgram(PROGRAMS);
  if (found === undefined) {
    throw new Error('no Chromium on the PATH: `npm test` installs one, or set TOKENHUB_TEST_CHROMIUM');
  }
  return found;
}
