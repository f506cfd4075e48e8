import type { Report } from './run-scenario.ts';

/** One line for each figure: a report stays readable in a log however many there are. */
export function describeReport(name: string, what: string, { verdict: v, seed, ms, story }: Report): string {
  const usd = (nano: number): string => `$${(nano / 1e9).toFixed(6)}`;
  const rows: [string, string][] = [
    ['seed', String(seed)],
    ['accepted', `${v.accepted} of ${v.posted} posted; ${v.askedAgain} asked again for want of an answer`],
    [
      'finished',
      `${v.completed} completed, ${v.interrupted} streams interrupted, ${v.cancelled} cancelled, ${v.otherwise} otherwise`,
    ],
    ['lost', String(v.lost)],
    ['finished twice', String(v.twice)],
    ['wrong spend', `${v.wrongSpend}; recorded ${usd(v.recordedNano)}, served for it ${usd(v.answeredNano)}`],
    ['reserved', `${v.stillReservedNano} nano-dollars after the end of all`],
    ['upstream', `${v.upstream} requests, ${v.repeated} runs repeated; ${usd(v.servedNano)} served in all`],
    ['graphs', `${v.graphs}, ${v.steps} steps completed, ${v.stepsAnsweredAgain} answered again by the provider`],
    ['webhooks', `one signed event each for ${v.told} jobs; ${v.toldAgain} arrived again`],
    ['faults', faultsSaid(v.faults)],
    [
      'longest gap',
      v.longestGapMs === null
        ? 'none'
        : `${(v.longestGapMs / 1_000).toFixed(1)} s after the death of one of ${v.workersKilled} workers`,
    ],
    ['reads refused', `${v.readsRefused} of ${v.reads}`],
    ['took', `${(ms / 1_000).toFixed(0)} s`],
    ['guarantees', v.broken.length === 0 ? 'all hold' : `broken ${v.broken.length} times`],
  ];
  return [`${name}: ${what}`, ...rows.map(([label, value]) => `  ${label.padEnd(15)} ${value}`), ...story].join('\n');
}

function faultsSaid(faults: Record<string, number>): string {
  const said = Object.entries(faults).map(([kind, times]) => `${times} ${kind}`);
  return said.join(', ') || 'none';
}
