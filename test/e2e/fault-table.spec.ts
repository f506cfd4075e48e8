import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { freePort } from '#testing/free-port.js';
import { waitFor } from '#testing/wait-for.js';
import { cellsOf, configOf, type Cell } from './fault-cells.js';
import { expectedOutcome } from './fault-outcomes.js';
import { printTable } from './fault-print.js';
import { ROWS } from './fault-rows.js';
import { runCells, type Observations } from './fault-run.js';
import { VENDORS } from './fault-row.js';
import { startOpenAiStack, type OpenAiStack } from './openai-stack.js';

/*
 * The fault table: each fault that a provider can have, met by a plain answer, a stream and an asynchronous job, with each
 * vendor in front. All cells run before the first assertion, many at once, because each has candidates of its own.
 */

/** So many that each answers before its stream's headers leave for want of content (15 s), also on a busy machine. */
const AT_ONCE = 40;

/** The requests of so many cells, and all that the workers ask every vLLM endpoint meanwhile. */
const LOG_LIMIT = 50_000;

const cells = cellsOf(ROWS);
const observations: Observations = new Map();
let hub: OpenAiStack;

beforeAll(async () => {
  hub = await startOpenAiStack({ config: configOf(cells, await freePort()), simulatorLogLimit: LOG_LIMIT });
  for (let start = 0; start < cells.length; start += AT_ONCE) {
    const some = await runCells(cells.slice(start, start + AT_ONCE), { url: hub.stack.url, simulator: hub.simulator });
    for (const [cell, outcome] of some) observations.set(cell, outcome);
  }
}, 300_000);

afterAll(async () => {
  if (process.env.TOKENHUB_PRINT_TABLE === '1') printTable(observations);
  await hub.stop();
});

describe.each(VENDORS)('with %s in front', (vendor) => {
  it.each(cells.filter((cell) => cell.vendor === vendor).map((cell) => ({ cell, title: titleOf(cell) })))(
    '$title',
    ({ cell }) => {
      const outcome = observations.get(cell);
      if (outcome instanceof Error) throw outcome;
      expect(outcome).toEqual(expectedOutcome(cell));
    },
  );
});

it('nothing is left over: no fault, no request, no unfinished job, nothing in any pool', async () => {
  expect(await hub.simulator.armed()).toEqual([]);
  expect((await hub.simulator.tally()).in_flight).toBe(0);
  const redis = new Redis(hub.stack.redis.url);
  try {
    let live: string[] = [];
    await waitFor(
      async () => {
        live = await liveKeys(redis);
        return live.length === 0;
      },
      { describe: 'no live work' },
    ).catch((error: unknown) => {
      throw new Error(`left over: ${live.join(', ')}`, { cause: error });
    });
  } finally {
    redis.disconnect();
  }
});

/** Redis drops a list or a set with its last member. */
async function liveKeys(redis: Redis): Promise<string[]> {
  const names = await redis.keys('{th}:*');
  return names.filter((name) => /:unfinished$|:pool\..*:(?:wait|paused|active|delayed|prioritized|failed)$/.test(name));
}

function titleOf({ row, delivery, course }: Cell): string {
  const last = course.attempts.at(-1);
  const end = course.end.kind === 'answer' ? `${last?.by} answers` : `ends with ${course.end.kind}`;
  return `${row.name}, ${delivery}: ${end} after ${course.attempts.length}`;
}
