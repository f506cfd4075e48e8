/** When something was away, in Unix milliseconds; `to` is Infinity until it is back. */
export interface Absence {
  from: number;
  to: number;
}

/** What was done to the processes, and when; the judge measures by it. */
export interface Timeline {
  workerDeaths: number[];
  apiDeaths: number[];
  storeAway: Absence[];
  /** In words, for whoever looks into a run that went wrong. */
  log: { at: number; what: string }[];
}

export function emptyTimeline(): Timeline {
  return { workerDeaths: [], apiDeaths: [], storeAway: [], log: [] };
}

/** Between a process's death, or its leaving, and the simulator's noticing that its connections are gone. */
export const NOTICED_MS = 1_000;

/** True when the store was away at some moment of this span. */
export function wasAway({ storeAway }: Timeline, from: number, to: number): boolean {
  return storeAway.some((away) => away.from <= to && away.to >= from);
}

/** Milliseconds of this span in which the store was away. */
export function awayWithin({ storeAway }: Timeline, from: number, to: number): number {
  return storeAway.reduce((sum, away) => sum + Math.max(0, Math.min(away.to, to) - Math.max(away.from, from)), 0);
}
