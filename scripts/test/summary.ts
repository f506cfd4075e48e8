import { seconds } from '../lib/steps.ts';

export interface Counts {
  passed: number;
  failed: number;
  /** Skipped and todo. */
  skipped: number;
  total: number;
}

export interface CheckResult {
  name: string;
  outcome: 'ok' | 'failed' | 'not run';
  ms: number;
  counts?: Counts;
}

/** What is read of Jest's `--json`. */
export interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numTotalTests: number;
}

/** Nothing but zeros when Jest has written no report. */
export function countsOf(report: JestReport | undefined): Counts {
  if (!report) return { passed: 0, failed: 0, skipped: 0, total: 0 };
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
    total: report.numTotalTests,
  };
}

/** A table of the checks, then the tests of all of them together in Jest's own words. */
export function summary(results: CheckResult[], tookMs: number): string {
  const rows = results.map(({ name, outcome, ms, counts }) => {
    const time = outcome === 'not run' ? '' : seconds(ms);
    const row = `${MARKS[outcome]} ${name.padEnd(12)} ${time.padStart(8)}  ${outcome}`;
    return counts ? `${row}, ${counts.total} tests` : row;
  });
  const tests = results.flatMap(({ counts }) => (counts ? [counts] : [])).reduce(add, countsOf(undefined));
  const failed = results.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name);
  return [
    '',
    ...rows,
    '',
    `Checks:      ${failed.length === 0 ? 'all passed' : `${failed.join(', ')} failed`}`,
    `Tests:       ${testsSaid(tests)}`,
    `Time:        ${seconds(tookMs)}`,
  ].join('\n');
}

const MARKS = { ok: '✓', failed: '✗', 'not run': '·' };

function add(a: Counts, b: Counts): Counts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    total: a.total + b.total,
  };
}

function testsSaid({ passed, failed, skipped, total }: Counts): string {
  const parts = [
    failed > 0 ? [`${failed} failed`] : [],
    skipped > 0 ? [`${skipped} skipped`] : [],
    [`${passed} passed`, `${total} total`],
  ];
  return parts.flat().join(', ');
}
