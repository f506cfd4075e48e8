/** `npm run bench`: builds, makes sure of a Redis and a PostgreSQL, and runs test/bench/main.ts. */
import { join } from 'node:path';
import process from 'node:process';
import { build, whyBuild } from '../lib/build.ts';
import { findOrInstallPostgres } from '../lib/postgres-install.ts';
import { findOrInstallRedis } from '../lib/redis-program.ts';
import { reportFailure } from '../lib/steps.ts';

const root = join(import.meta.dirname, '..', '..');

/** Resolves with the exit code. */
export async function main(args: string[]): Promise<number> {
  try {
    const reason = whyBuild(root);
    if (reason !== undefined) await build(root);
    const redis = findOrInstallRedis((line) => console.log(line));
    const postgres = findOrInstallPostgres((line) => console.log(line));
    console.log(`Measured with ${redis.label} and ${postgres}.`);
    process.env.TOKENHUB_TEST_REDIS_BINARY = redis.path;
    // What the benches import is built first: dist/ need not be there when this file is loaded.
    const bench = await import('../../test/bench/main.ts');
    return await bench.main(args);
  } catch (error) {
    return reportFailure(error);
  }
}
