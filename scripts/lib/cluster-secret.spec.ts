import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { clusterSecret } from './cluster-secret.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cluster-secret-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (): string => join(root, 'cluster-secret');

it('the one of the environment is used, and no file is made', () => {
  expect(clusterSecret({ TOKENHUB_CLUSTER_SECRET: 's'.repeat(32) }, root)).toBe('s'.repeat(32));
  expect(() => statSync(file())).toThrow('ENOENT');
});

it('without one, a secret of 256 bits is made that only its owner can read, and that the next start finds again', () => {
  const secret = clusterSecret({ TOKENHUB_CLUSTER_SECRET: ' ' }, root);
  expect(Buffer.from(secret, 'base64')).toHaveLength(32);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file(), 'utf8')).toBe(secret);
  expect(clusterSecret({}, root)).toBe(secret);
});

it('a file that holds none is refused by its name', () => {
  writeFileSync(file(), 'short\n');
  expect(() => clusterSecret({}, root)).toThrow(`${file()} holds no secret`);
});
