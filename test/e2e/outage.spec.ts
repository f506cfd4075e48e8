import { expect, it } from '@jest/globals';
import { startStack } from '#testing/stack.js';
import { outageConfig, runOutage } from './outage-run.js';

const COOL_DOWN_MS = 1_500;

/** The long form, twenty seconds with the usual cool-down, is a part of `npm run bench`. */
it('an outage of the primary costs no request, and it serves again within its cool-down once it has recovered', async () => {
  const stack = await startStack({
    appendfsync: 'no',
    config: (simulatorUrl) => outageConfig(simulatorUrl, COOL_DOWN_MS),
  });
  try {
    const { url, simulatorUrl } = stack;
    const report = await runOutage({ url, simulatorUrl, everyMs: 250, outageMs: 4_000, patienceMs: 30_000 });
    expect(report.failed).toEqual([]);
    expect(report.byBackup).toBeGreaterThan(0);
    expect(report.byPrimary + report.byBackup).toBe(report.requests);
    // Five failures bring it down; from then on one probe in each cool-down. Where requests pile up, some more; without a breaker, over thirty.
    expect(report.askedInVain).toBeLessThanOrEqual(20);
    expect(report.backAfterMs).not.toBeNull();
    expect(report.backAfterMs).toBeLessThan(COOL_DOWN_MS + 10_000);
  } finally {
    await stack.stop();
  }
});
