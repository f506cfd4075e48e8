/** `npm run bench`: Tokenhub against the bare pipeline, in one run, on this machine. */
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { addedLatency } from './added-latency.ts';
import { bytes } from './bytes.ts';
import { burst } from './burst.ts';
import { countingPauses } from './counting-pauses.ts';
import { fairness } from './fairness.ts';
import { graphs } from './graphs.ts';
import { historyMemory } from './history-memory.ts';
import { history } from './history.ts';
import { keyCheck } from './key-check.ts';
import { limits } from './limits.ts';
import type { BenchOptions } from './measure.ts';
import { memory } from './memory.ts';
import { outage } from './outage.ts';
import { recovery } from './recovery.ts';
import { startRig } from './rig.ts';
import { throughput } from './throughput.ts';
import { usage } from './usage.ts';
import { vault } from './vault.ts';

/** Parts that share one rig, and parts that start what they need themselves, while nothing else runs. */
const ON_THE_RIG = { throughput, graphs, latency: addedLatency, counting: countingPauses };
const ON_THEIR_OWN = {
  ...{ keys: keyCheck, outage, limits, fairness, memory, bytes, recovery, burst },
  ...{ history, 'history-memory': historyMemory, usage, vault },
};
const NAMES = [...Object.keys(ON_THE_RIG), ...Object.keys(ON_THEIR_OWN)];

/** Resolves with the exit code. Figures are printed, not judged: machines differ, ratios of one run hold. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '5' },
      scale: { type: 'string', default: '1' },
      aof: { type: 'string', default: 'always' },
      only: { type: 'string', multiple: true, default: NAMES },
      profile: { type: 'string' },
    },
  });
  const unknown = values.only.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(', ')}: there are ${NAMES.join(', ')}`);
  const appendfsync = values.aof === 'everysec' || values.aof === 'no' ? values.aof : 'always';
  const [cpu] = cpus();
  console.log(
    `Machine: ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; ` +
      `Redis with AOF ${appendfsync}; one API and one worker process where a part does not say otherwise.\n`,
  );
  const [seconds, rounds, scale] = [values.seconds, values.rounds, values.scale].map(Number) as [
    number,
    number,
    number,
  ];
  const options = { seconds, rounds, scale, appendfsync } satisfies BenchOptions;
  const profile = values.profile && `--cpu-prof --cpu-prof-dir=${resolve(values.profile)}`;
  await runOnRig(values.only, { ...options, profile });
  for (const [name, run] of Object.entries(ON_THEIR_OWN)) {
    if (values.only.includes(name)) console.log(await run(options));
  }
  return 0;
}

async function runOnRig(wanted: string[], options: BenchOptions & { profile: string | undefined }): Promise<void> {
  const parts = Object.entries(ON_THE_RIG).filter(([name]) => wanted.includes(name));
  if (parts.length === 0) return;
  const rig = await startRig({ appendfsync: options.appendfsync, nodeOptions: options.profile });
  try {
    for (const [, run] of parts) console.log(await run(rig, options));
  } finally {
    await rig.stop();
  }
}
