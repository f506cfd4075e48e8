import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { temporaryFolder } from '#testing/reaper.js';
import { findOrInstallChromium } from './chromium-install.ts';

const { PATH } = process.env;
let folder: string;
let said: string[];

beforeEach(() => {
  folder = temporaryFolder('chromium');
  process.env.PATH = folder;
  said = [];
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(folder, { recursive: true });
});

function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

const find = (): string => findOrInstallChromium((line) => said.push(line));

it.each(['chromium', 'chromium-browser', 'google-chrome'])('takes %s from the PATH and installs nothing', (name) => {
  program(name, '');
  expect(find()).toBe(join(folder, name));
  expect(said).toEqual([]);
});

it('says what to do where there is no apt-get', () => {
  expect(find).toThrow(/need Chromium or Chrome on the PATH/);
});

it('repeats what a failing package manager said', () => {
  program('sudo', 'shift; exec "$@"');
  program('true', '');
  program('apt-get', 'echo no network for you; exit 100');
  expect(find).toThrow(/apt-get failed:\nno network for you\n.*need Chromium/s);
});

it('installs Debian’s package without a question, and takes what it brought', () => {
  program('sudo', 'shift; exec "$@"');
  program('true', '');
  const made = join(folder, 'chromium');
  program('apt-get', `[ "$1" = update ] || { echo > ${made}; /bin/chmod 755 ${made}; }`);
  expect(find()).toBe(made);
  expect(said.map((line) => line.replace(/sudo -n /, ''))).toEqual([
    '  … apt-get update',
    '  … apt-get install -y --no-install-recommends chromium',
  ]);
});
