/** `npm run test:chaos`: builds, makes sure of a Redis, and runs test/chaos/main.ts. */
import { join } from 'node:path';
import process from 'node:process';
import { build, whyBuild } from '../lib/build.ts';
import { findOrInstallRedis } from '../lib/redis-program.ts';
import { reportFailure } from '../lib/steps.ts';

const root = join(import.meta.dirname, '..', '..');

/** Resolves with the exit code. */
export async function main(args: string[]): Promise<number> {
  try {
    const reason = whyBuild(root);
    if (reason !== undefined) await build(root);
    const redis = findOrInstallRedis((line) => console.log(line));
    console.log(`Run against ${redis.label}.`);
    process.env.TOKENHUB_TEST_REDIS_BINARY = redis.path;
    // What the suite imports is built first: dist/ need not be there when this file is loaded.
    const chaos = await import('../../test/chaos/main.ts');
    return await chaos.main(args);
  } catch (error) {
    return reportFailure(error);
  }
}
