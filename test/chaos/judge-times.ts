import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Evidence } from './evidence.ts';
import type { Read } from './read-poller.ts';
import { requestsByCall } from './requests.ts';
import { awayWithin, NOTICED_MS, type Timeline } from './timeline.ts';

export interface TimesVerdict {
  workersKilled: number;
  /** From a worker's death to its jobs running again; without the time in which the store was away. Null when none had to. */
  longestGapMs: number | null;
  reads: number;
  /** Reads with another answer than 200. */
  readsRefused: number;
  broken: string[];
}

/** Redis answers pings again, and the API has yet to reconnect: it tries at least once a second. */
const RECONNECT_MS = 2_500;

/** Looks at how long work stood still, and whether jobs could be read meanwhile. */
export function judgeTimes(evidence: Evidence, limits: { gapMs: number }): TimesVerdict {
  const { timeline, reads } = evidence;
  const gaps = requestsByCall(evidence).flatMap(({ marker, requests }) => gapsOf(marker, requests, timeline));
  const refused = reads.filter(({ status }) => status !== 200);
  return {
    workersKilled: timeline.workerDeaths.length,
    longestGapMs: gaps.length === 0 ? null : Math.max(...gaps.map(({ ms }) => ms)),
    reads: reads.length,
    readsRefused: refused.length,
    broken: [
      ...gaps
        .filter(({ ms }) => ms > limits.gapMs)
        .map(({ marker, ms }) => `${marker} stood still for ${ms} ms after its worker's death`),
      ...refused
        .filter((read) => !mayBeRefused(read, timeline))
        .map(({ status, from, to }) => `a read was answered ${status ?? 'nothing'} after ${to - from} ms`),
    ],
  };
}

interface Gap {
  marker: string;
  ms: number;
}

/** The gaps before each run that repeats one whose worker died. Runs that a fault struck are repeated for another reason. */
function gapsOf(marker: string, requests: readonly SeenRequest[], timeline: Timeline): Gap[] {
  return requests.slice(1).flatMap((next, i) => {
    const before = requests[i];
    const diedAt = before?.fault === null ? deathOf(before, next, timeline) : null;
    if (diedAt === null) return [];
    return [{ marker, ms: next.at - diedAt - awayWithin(timeline, diedAt, next.at) }];
  });
}

/** When the worker of this run died; null when no death explains the repetition. */
function deathOf(run: SeenRequest, next: SeenRequest, { workerDeaths }: Timeline): number | null {
  const endedAt = run.ended_at ?? Infinity;
  const [from, to] = run.outcome === 'aborted' ? [endedAt - NOTICED_MS, endedAt] : [endedAt, next.at];
  return workerDeaths.findLast((at) => at >= from && at <= to && at <= next.at) ?? null;
}

function mayBeRefused(read: Read, { storeAway, apiDeaths }: Timeline): boolean {
  const { from, to, status, retryAfter } = read;
  if (status === null) return apiDeaths.some((at) => at >= from && at <= to);
  const isAway = storeAway.some((away) => from <= away.to + RECONNECT_MS && to >= away.from);
  return status === 503 && retryAfter !== null && isAway;
}
