import { describe, expect, it } from '@jest/globals';
import { CHECKS } from './checks.ts';
import { type CheckResult, countsOf, NOT_CHECKED, outcomeOf, summary } from './summary.ts';

const report = { numPassedTests: 10, numFailedTests: 0, numPendingTests: 1, numTodoTests: 1, numTotalTests: 12 };

describe('summary', () => {
  it('adds the tests of all Jest runs up and names what failed', () => {
    const text = summary(
      [
        { name: 'lint', outcome: 'ok', ms: 1500 },
        { name: 'unit', outcome: 'ok', ms: 20_000, counts: countsOf(report) },
        {
          name: 'integration',
          outcome: 'failed',
          ms: 9_000,
          counts: countsOf({ ...report, numPassedTests: 8, numFailedTests: 2 }),
        },
        { name: 'e2e', outcome: 'not run', ms: 0 },
      ],
      30_500,
    );
    expect(text.split('\n').slice(1)).toEqual([
      '✓ lint            1.5 s  ok',
      '✓ unit             20 s  ok, 12 tests',
      '✗ integration     9.0 s  failed, 12 tests',
      '· e2e                    not run',
      '',
      'Checks:      integration failed',
      'Tests:       2 failed, 4 skipped, 18 passed, 24 total',
      'Time:        31 s',
    ]);
  });

  it('does not call passed what could not be checked', () => {
    const lint = { name: 'lint', outcome: outcomeOf(0), ms: 1_000 };
    const advisories = { name: 'advisories', outcome: outcomeOf(NOT_CHECKED), ms: 1_000 };
    const text = (...results: CheckResult[]): string => summary(results, 2_000);
    expect(text(lint, advisories)).toContain('? advisories      1.0 s  not checked');
    expect(text(lint, advisories)).toContain('Checks:      passed; advisories not checked');
    expect(text({ ...lint, outcome: outcomeOf(1) }, advisories)).toContain('lint failed; advisories not checked');
    expect(text(lint)).toContain('Checks:      all passed');
    expect([outcomeOf(null), outcomeOf(2)]).toEqual(['failed', 'failed']);
  });

  it('counts nothing for a Jest that could not start', () => {
    expect(countsOf(undefined)).toEqual({ passed: 0, failed: 0, skipped: 0, total: 0 });
  });
});

describe('CHECKS', () => {
  it('builds before the runs that start processes from dist/', () => {
    const names = CHECKS.map(({ name }) => name);
    expect(names.indexOf('build')).toBeLessThan(names.indexOf('e2e'));
    expect(names.indexOf('build')).toBeLessThan(names.indexOf('integration'));
    expect(names.indexOf('build')).toBeLessThan(names.indexOf('chaos'));
  });
});
