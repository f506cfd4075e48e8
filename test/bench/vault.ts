/** How long it takes until a lock and an unlocking of the vault have reached every process. */
import { randomBytes } from 'node:crypto';
import { startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { median, table, type BenchOptions } from './measure.ts';

const ADMIN = 'an-administrators-token';
const PASSWORD = 'a password for the bench';
const APIS = 2;
const WORKERS = 4;

/** From the answer to the administrator on: what the password costs is not what this is about. */
export async function vault({ rounds }: BenchOptions): Promise<string> {
  const stack = await startStack({
    ...{ apis: APIS, workers: WORKERS, database: 'pglite' },
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_CLUSTER_SECRET: randomBytes(32).toString('base64') },
  });
  try {
    const processes = [...stack.apis, ...stack.workers].map(({ url }) => url);
    const call = async (path: string, body: object): Promise<number> => {
      const answer = await fetch(`${stack.url}/admin/v1/vault/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return performance.now();
    };
    const reached = async (path: string, body: object, key: boolean): Promise<number> => {
      const said = call(path, body);
      await waitFor(async () => (await Promise.all(processes.map(holds))).every((one) => one === key), { pauseMs: 2 });
      return Math.max(performance.now() - (await said), 0);
    };
    await reached('init', { mode: 'password', password: PASSWORD }, true);
    const times = { lock: [] as number[], unlock: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      await reached('lock', {}, false);
      times.lock.push(performance.now() - from);
      times.unlock.push(await reached('unlock', { password: PASSWORD }, true));
    }
    const rows = Object.entries(times).map(([what, ms]) => [what, median(ms).toFixed(0), Math.max(...ms).toFixed(0)]);
    return [
      `## Vault: ${APIS} API processes and ${WORKERS} workers\n`,
      table(['until every process has heard of', 'median ms', 'most ms'], rows),
      `\nA lock counts from the request on, an unlocking from its answer on. The issue asks for a second at most.\n`,
    ].join('\n');
  } finally {
    await stack.stop();
  }
}

async function holds(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/ready`);
  return ((await answer.json()) as { vault: { key: boolean } }).vault.key;
}
