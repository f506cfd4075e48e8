import { expect, it } from '@jest/globals';
import { describeReport } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { SHORT } from './scenarios.ts';

/** The long form, every scenario at full size, is `npm run test:chaos`. */
it(`no accepted job is lost, finished twice or wrongly billed: ${SHORT.what}`, async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const report = await runScenario(SHORT, seed);
  console.log(describeReport('short', `${SHORT.what}; again with --scenario short --seed ${seed}`, report));
  expect(report.verdict.broken).toEqual([]);
  const { accepted, completed, interrupted, cancelled, repeated, graphs } = report.verdict;
  expect(accepted).toBe(SHORT.jobs);
  expect(completed + interrupted + cancelled).toBe(SHORT.jobs);
  expect(graphs).toBeGreaterThan(30);
  // Otherwise nothing was disturbed, and nothing is shown.
  expect(repeated).toBeGreaterThan(0);
}, 180_000);
