import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { temporaryFolder } from '#testing/reaper.js';
import { repositoryRoot } from '#testing/repository-root.js';

/*
 * Jest runs the validation worker from its source. Here it runs as it is shipped: built by the build script, in a checkout of its
 * own that has only what the library needs, and loaded by a plain Node process.
 */

const run = promisify(execFile);
const checkout = temporaryFolder('validator');
const { NODE_OPTIONS: _, ...env } = process.env;

const PROGRAM = `
import { SchemaValidator } from '#structured-output/schema-validator.js';
const validator = new SchemaValidator();
const schema = { type: 'object', properties: { a: { pattern: '^(a+)+$' } } };
const texts = ['{"a":"aa"}', '{"a":"b"}', JSON.stringify({ a: 'a'.repeat(40) + 'b' }), '1'];
console.log(JSON.stringify(await Promise.all(texts.map((text) => validator.validate(schema, text)))));
`;

beforeAll(async () => {
  const root = repositoryRoot();
  for (const path of ['package.json', '.swcrc', 'scripts/build.mjs', 'libs/contracts', 'libs/structured-output']) {
    cpSync(join(root, path), join(checkout, path), { recursive: true });
  }
  mkdirSync(join(checkout, 'apps'));
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  await run(process.execPath, ['scripts/build.mjs'], { cwd: checkout, env });
  writeFileSync(join(checkout, 'program.mjs'), PROGRAM);
});

describe('the built validator', () => {
  it('has its worker beside it', () => {
    const built = join(checkout, 'dist/libs/structured-output/src');
    for (const name of ['validation-worker.js', 'compile-schema.js']) expect(existsSync(join(built, name))).toBe(true);
  });

  it('validates, ends what takes too long, and lets the process end without being closed', async () => {
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: checkout, env });
    expect(JSON.parse(stdout)).toEqual([
      { valid: true },
      { valid: false, errors: ['/a must match pattern "^(a+)+$".'] },
      { valid: false, errors: [expect.stringContaining('took longer than 1 s')] },
      { valid: false, errors: ['The answer must be object.'] },
    ]);
  });
});
