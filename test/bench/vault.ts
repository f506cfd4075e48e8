/** How long it takes until a lock and an unlocking of the vault have reached every process, and what a wrong password costs. */
import { randomBytes } from 'node:crypto';
import { startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { median, table, type BenchOptions } from './measure.ts';

const ADMIN = 'an-administrators-token';
const PASSWORD = 'a password for the bench';
const APIS = 2;
const WORKERS = 4;
/** Fewer than the throttle lets through. */
const WRONG_TRIES = 3;

/** From the answer to the administrator on: what the password costs is not what this is about. */
export async function vault({ rounds }: BenchOptions): Promise<string> {
  const stack = await startStack({
    ...{ apis: APIS, workers: WORKERS, database: 'pglite' },
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN, TOKENHUB_CLUSTER_SECRET: randomBytes(32).toString('base64') },
  });
  try {
    const processes = [...stack.apis, ...stack.workers].map(({ url }) => url);
    const send = (path: string, body: object): Promise<Response> =>
      fetch(`${stack.url}/admin/v1/vault/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const call = async (path: string, body: object): Promise<number> => {
      const answer = await send(path, body);
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return performance.now();
    };
    const reached = async (path: string, body: object, key: boolean): Promise<number> => {
      const said = call(path, body);
      await waitFor(async () => (await Promise.all(processes.map(holds))).every((one) => one === key), { pauseMs: 2 });
      return Math.max(performance.now() - (await said), 0);
    };
    await reached('init', { mode: 'password', password: PASSWORD }, true);
    const times = { lock: [] as number[], unlock: [] as number[], 'refuse a wrong password': [] as number[] };
    for (let round = 0; round < rounds; round++) {
      const from = performance.now();
      await reached('lock', {}, false);
      times.lock.push(performance.now() - from);
      times.unlock.push(await reached('unlock', { password: PASSWORD }, true));
    }
    for (let n = 0; n < WRONG_TRIES; n++) {
      const from = performance.now();
      const { status } = await send('unlock', { password: `${PASSWORD}?` });
      if (status !== 403) throw new Error(`a wrong password was answered ${status}`);
      times['refuse a wrong password'].push(performance.now() - from);
    }
    const rows = Object.entries(times).map(([what, ms]) => [
      what,
      ...[Math.min(...ms), median(ms), Math.max(...ms)].map((one) => one.toFixed(0)),
    ]);
    return [
      `## Vault: ${APIS} API processes and ${WORKERS} workers\n`,
      table(['to', 'least ms', 'median ms', 'most ms'], rows),
      `\nUntil every process has followed: a lock counts from the request on, an unlocking from its answer on; a second at most is wanted. A wrong\npassword is to cost 100 ms at least.\n`,
    ].join('\n');
  } finally {
    await stack.stop();
  }
}

async function holds(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/ready`);
  return ((await answer.json()) as { vault: { key: boolean } }).vault.key;
}
