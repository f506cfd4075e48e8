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
  outcome: 'ok' | 'failed' | 'not checked' | 'not run';
  ms: number;
  counts?: Counts;
}

/** The exit code of a check that could not check here, for want of something that is not ours: that fails nothing. */
export const NOT_CHECKED = 77;

/** What a check's exit code says. */
export function outcomeOf(code: number | null): 'ok' | 'failed' | 'not checked' {
  if (code === NOT_CHECKED) return 'not checked';
  return code === 0 ? 'ok' : 'failed';
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
  return [
    '',
    ...rows,
    '',
    `Checks:      ${checksSaid(results)}`,
    `Tests:       ${testsSaid(tests)}`,
    `Time:        ${seconds(tookMs)}`,
  ].join('\n');
}

const MARKS = { ok: '✓', failed: '✗', 'not checked': '?', 'not run': '·' };

function checksSaid(results: readonly CheckResult[]): string {
  const named = (wanted: CheckResult['outcome']): string[] => {
    const names = results.filter(({ outcome }) => outcome === wanted).map(({ name }) => name);
    return names.length === 0 ? [] : [`${names.join(', ')} ${wanted}`];
  };
  const unwell = [...named('failed'), ...named('not checked')];
  if (unwell.length === 0) return 'all passed';
  return results.some(({ outcome }) => outcome === 'failed') ? unwell.join('; ') : `passed; ${unwell.join('; ')}`;
}

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
