/** `npm run test:chaos`: real processes, killed and stopped while jobs run, and the simulator as judge. */
import { cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ExpectedError } from '../../scripts/lib/steps.ts';
import { describeReport } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { SCENARIOS, SHORT, type Scenario } from './scenarios.ts';

/** Resolves with the exit code: 0 when every guarantee held in every scenario. Throws an ExpectedError for arguments that make no sense. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) },
      jobs: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const chosen = values.scenario.map((name) => [name, scenarioOf(name, values)] as const);
  const seed = amount('seed', values.seed) ?? Math.floor(Math.random() * 2 ** 32);
  console.log(`Seed ${seed}, Redis with AOF always, ${cpus().length} processors, Node ${process.version}.\n`);
  let held = true;
  for (const [name, scenario] of chosen) {
    const report = await runScenario(scenario, seed);
    held &&= report.verdict.broken.length === 0;
    console.log(`${describeReport(name, scenario.what, report)}\n`);
  }
  console.log(held ? 'All guarantees held.' : `Guarantees were broken; once more with --seed ${seed}.`);
  return held ? 0 : 1;
}

function scenarioOf(name: string, values: { jobs?: string; seconds?: string }): Scenario {
  const known: Record<string, Scenario> = { short: SHORT, ...SCENARIOS };
  const scenario = Object.hasOwn(known, name) ? known[name] : undefined;
  if (scenario === undefined)
    throw new ExpectedError(`no scenario ${name}; there are ${Object.keys(known).join(', ')}`);
  return {
    ...scenario,
    jobs: amount('jobs', values.jobs) ?? scenario.jobs,
    seconds: amount('seconds', values.seconds) ?? scenario.seconds,
  };
}

function amount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new ExpectedError(`--${name} is not a whole number: ${text}`);
  return Number(text);
}
