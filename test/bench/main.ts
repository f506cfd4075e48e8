/** `npm run bench`: Tokenhub against the bare pipeline, in one run, on this machine. */
import { cpus, totalmem } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { addedLatency } from './added-latency.ts';
import { countingPauses } from './counting-pauses.ts';
import { limits } from './limits.ts';
import { outage } from './outage.ts';
import { startRig } from './rig.ts';
import { throughput } from './throughput.ts';

/** Resolves with the exit code. Figures are printed, not judged: machines differ, ratios of one run hold. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '5' },
      aof: { type: 'string', default: 'always' },
      only: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const appendfsync = values.aof === 'everysec' || values.aof === 'no' ? values.aof : 'always';
  const [cpu] = cpus();
  console.log(
    `Machine: ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; ` +
      `Redis with AOF ${appendfsync}; one API and one worker process.\n`,
  );
  const profile = values.profile && `--cpu-prof --cpu-prof-dir=${resolve(values.profile)}`;
  const rig = await startRig({ appendfsync, nodeOptions: profile });
  const parts = { throughput, latency: addedLatency, counting: countingPauses, outage, limits };
  try {
    for (const [name, run] of Object.entries(parts)) {
      if (values.only !== undefined && values.only !== name) continue;
      console.log(await run(rig, { seconds: Number(values.seconds), rounds: Number(values.rounds) }));
    }
    return 0;
  } finally {
    await rig.stop();
  }
}
