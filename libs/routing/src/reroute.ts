import type { ErrorClass } from '#contracts/attempt.js';
import type { Place } from '#contracts/live-views.js';

/** How long to wait before looking again, where nothing says when a place opens. */
const LOOK_AGAIN_MS = 2_000;
/** Bounds of one wait: not a busy loop, and never deaf for long to what opens early. */
const WAIT_MS = { least: 250, most: 30_000 };

/** Where a call goes that cannot be sent to the candidate whose turn it is. */
export type Reroute = { kind: 'move'; index: number } | { kind: 'wait'; index: number; delayMs: number };

export interface RerouteOptions {
  candidates: readonly Place[];
  /** The candidate whose turn it is: it may be tried whatever happened there before. */
  index: number;
  /** The class of each candidate's last failure, null for one not tried yet. */
  failures: readonly (ErrorClass | null)[];
  isOpen: (place: Place) => boolean;
  /** Unix milliseconds at which a closed place is expected to open; 0 when nothing says so. */
  opensAt: (place: Place) => number;
  /** Undefined for a model that is no longer registered. */
  contextTokensOf: (model: string) => number | undefined;
  now: number;
}

/** The first candidate in order that is open and may still be tried; with none, the one that opens first is waited for. */
export function reroute(options: RerouteOptions): Reroute {
  const { candidates, isOpen, opensAt, now } = options;
  const triable = [...candidates.entries()].filter(([index, place]) => mayBeTried(options, index, place));
  const open = triable.find(([, place]) => isOpen(place));
  if (open) return { kind: 'move', index: open[0] };
  const dueAt = (place: Place): number => opensAt(place) || now + LOOK_AGAIN_MS;
  const [first, ...others] = triable;
  if (!first) throw new RangeError(`candidate ${options.index} of ${candidates.length} does not exist`);
  const [index, place] = others.reduce((best, other) => (dueAt(other[1]) < dueAt(best[1]) ? other : best), first);
  return { kind: 'wait', index, delayMs: Math.min(Math.max(dueAt(place) - now, WAIT_MS.least), WAIT_MS.most) };
}

/** A candidate that failed is not returned to, unless all it did was to refuse for its rate limit; one that has left the registry is not waited for. */
function mayBeTried(options: RerouteOptions, index: number, { model }: Place): boolean {
  if (index === options.index) return true;
  const { candidates, failures, contextTokensOf } = options;
  const tokens = contextTokensOf(model);
  if (tokens === undefined) return false;
  const failure = failures[index] ?? null;
  if (failure !== null && failure !== 'rate_limited') return false;
  const tooSmall = candidates.map((other, i) =>
    failures[i] === 'context_overflow' ? (contextTokensOf(other.model) ?? 0) : 0,
  );
  return tokens >= Math.max(...tooSmall);
}
