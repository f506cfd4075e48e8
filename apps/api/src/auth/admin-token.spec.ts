import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { AdminToken as Token } from './admin-token.js';

const { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = fs;

/** Runs when a file has been created and its content not yet written: what another process may see. */
let whileEmpty = (): void => undefined;
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  writeFileSync: (path: string, text: string, { mode, flag }: { mode: number; flag: string }) => {
    const created = fs.openSync(path, flag, mode);
    whileEmpty();
    fs.writeSync(created, text);
    fs.closeSync(created);
  },
}));
const { AdminToken } = await import('./admin-token.js');

let root: string;
beforeEach(() => {
  whileEmpty = () => undefined;
  root = mkdtempSync(join(tmpdir(), 'admin-token-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const folder = (): string => join(root, 'made', 'here');
const file = (): string => join(folder(), 'admin-token');
const generated = (): Token => new AdminToken({ adminToken: null, stateDir: folder() });

it('a configured token is the only one, and no file is made', () => {
  const token = new AdminToken({ adminToken: 'configured', stateDir: folder() });
  expect(['configured', 'Configured', 'configure', 'configured ', ''].map((each) => token.matches(each))).toStrictEqual(
    [true, false, false, false, false],
  );
  expect(readdirSync(root)).toStrictEqual([]);
});

it('without one, a token of 256 bits is made that only its owner can read', () => {
  const token = generated();
  const text = readFileSync(file(), 'utf8');
  expect(Buffer.from(text, 'base64url')).toHaveLength(32);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(statSync(folder()).mode & 0o777).toBe(0o700);
  expect(token.matches(text)).toBe(true);
  expect(token.matches(`${text}x`)).toBe(false);
});

it('every process that starts on this folder takes the same token, and nothing is left over', () => {
  const [first, second] = [generated(), generated()];
  const text = readFileSync(file(), 'utf8');
  expect(first.matches(text) && second.matches(text)).toBe(true);
  expect(readdirSync(folder())).toStrictEqual(['admin-token']);
});

it('a process that starts while another writes the token agrees with it', () => {
  const tokens: Token[] = [];
  whileEmpty = () => {
    whileEmpty = () => undefined;
    tokens.push(generated());
  };
  tokens.push(generated());
  const text = readFileSync(file(), 'utf8');
  expect(tokens.map((token) => token.matches(text))).toStrictEqual([true, true]);
});

it('a token of before survives a restart', () => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(file(), 'kept\n');
  expect(generated().matches('kept')).toBe(true);
  expect(readFileSync(file(), 'utf8')).toBe('kept\n');
});

it('an empty file is no token: the start says which file', () => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(file(), ' \n');
  expect(generated).toThrow(`${file()} is empty`);
});

it('a folder that cannot be written to is an error, not a token in memory', () => {
  writeFileSync(join(root, 'made'), 'a file where the folder would be');
  expect(generated).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
});
