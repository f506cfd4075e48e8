import { startStack } from '#testing/stack.js';
import { outageConfig, runOutage } from '../e2e/outage-run.ts';
import { table } from './measure.ts';

/** Twenty seconds without the primary under one request a second, everything as it is configured by default. */
export async function outage(): Promise<string> {
  const stack = await startStack({ config: (simulatorUrl) => outageConfig(simulatorUrl) });
  try {
    const { url, simulatorUrl } = stack;
    const report = await runOutage({ url, simulatorUrl, everyMs: 1_000, outageMs: 20_000, patienceMs: 60_000 });
    const back = report.backAfterMs === null ? 'never' : `${(report.backAfterMs / 1_000).toFixed(1)} s`;
    return [
      '## An outage of the primary for 20 s, one request a second\n',
      table(
        ['requests', 'failed', 'by the primary', 'by the backup', 'asked in vain', 'primary back after'],
        [
          [report.requests, report.failed.length, report.byPrimary, report.byBackup, report.askedInVain, back].map(
            String,
          ),
        ],
      ),
      '\nWanted: none failed, back within 30 s\n',
    ].join('\n');
  } finally {
    await stack.stop();
  }
}
