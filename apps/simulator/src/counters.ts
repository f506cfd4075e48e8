import type { ServedTokens } from './plan.js';
import type { FaultKind } from './fault-shapes.js';
import type { LimitName } from './limit-settings.js';
import type { CountedUnits } from './rate-limiter.js';

/** How an exchange ended: answered in full, left by the client, or broken off by the simulator. */
export type Outcome = 'open' | 'sent' | 'aborted' | 'dropped';

/** One request as it was received. Its authorization is never kept, only whether there was one. */
export interface SeenRequest {
  n: number;
  /** Unix milliseconds. */
  at: number;
  method: string;
  path: string;
  model: string | null;
  stream: boolean;
  authorization: boolean;
  headers: Record<string, string>;
  /** Parsed JSON; the text itself when it is none; null when there was none. */
  body: unknown;
  fault: FaultKind | null;
  /** Null until the status line has left. */
  status: number | null;
  outcome: Outcome;
  /** Unix milliseconds; null while it is open. */
  ended_at: number | null;
  /** The tokens that it reported; null unless a complete answer was sent in full. */
  served: ServedTokens | null;
}

/** What limits let in, in the units that the vendor counts, and how many requests they refused. */
export interface LimitTally extends CountedUnits {
  refused: number;
}

/** Sums over all requests since the start or the last reset; of probes (GETs of known routes) `by_path` alone tells. */
export interface Tally {
  requests: number;
  streams: number;
  by_path: Record<string, number>;
  by_model: Record<string, number>;
  by_fault: Record<string, number>;
  /** Statuses whose line has left. */
  by_status: Record<string, number>;
  /** Tokens that fully sent, complete answers reported. */
  input_tokens: number;
  output_tokens: number;
  sent: number;
  /** The client left before the end. */
  aborted: number;
  /** A fault or the simulator's own end closed the connection. */
  dropped: number;
  in_flight: number;
  peak_in_flight: number;
  /** Zero as long as no limits are set. */
  limits: LimitTally & { by_model: Record<string, LimitTally>; refused_by: Partial<Record<LimitName, number>> };
}

export interface Seen {
  counters: Tally;
  /** The last ones, oldest first. */
  requests: SeenRequest[];
}

/** A request that is being answered; bodies stay text until somebody reads the log, which keeps logging cheap. */
export type OpenRequest = Omit<SeenRequest, 'body' | 'n'> & { n: number; text: string; probe: boolean };

/** What is known of a request when it arrives. */
export type Arrival = Omit<OpenRequest, 'n' | keyof typeof NOT_ENDED>;

const NOT_ENDED = { status: null, outcome: 'open', ended_at: null, served: null } as const;

const LOG_CHARACTERS = 64 * 1024 * 1024;

/** Counts what the simulator saw, and keeps the last requests. */
export class Counters {
  private tally = emptyTally();
  private log: OpenRequest[] = [];
  private logCharacters = 0;
  private inFlight = 0;
  private lastN = 0;
  private readonly watchers = new Set<() => void>();

  constructor(private readonly logLimit: number) {}

  /** Counts an arrival. `route` is the path that it is counted under. */
  open(request: Arrival, route: string): OpenRequest {
    const opened: OpenRequest = { ...request, ...NOT_ENDED, n: ++this.lastN };
    const { tally } = this;
    increment(tally.by_path, route);
    if (!request.probe) {
      tally.requests++;
      tally.streams += request.stream ? 1 : 0;
      tally.peak_in_flight = Math.max(tally.peak_in_flight, ++this.inFlight);
    }
    if (request.model !== null) {
      increment(tally.by_model, request.model);
    }
    this.remember(opened);
    this.changed();
    return opened;
  }

  struck(request: OpenRequest, fault: FaultKind): void {
    request.fault = fault;
    increment(this.tally.by_fault, fault);
  }

  answered(request: OpenRequest, status: number): void {
    request.status = status;
    if (!request.probe) {
      increment(this.tally.by_status, String(status));
    }
    this.changed();
  }

  /** Counts what limits counted of a model's request. */
  admitted(model: string, units: CountedUnits): void {
    for (const sums of this.limitTallies(model)) {
      sums.requests += units.requests;
      sums.tokens += units.tokens;
      sums.input_tokens += units.input_tokens;
      sums.output_tokens += units.output_tokens;
    }
    this.changed();
  }

  /** Counts a refusal by a limit. */
  refused(model: string, limit: LimitName): void {
    for (const sums of this.limitTallies(model)) {
      sums.refused++;
    }
    const { refused_by: refusedBy } = this.tally.limits;
    refusedBy[limit] = (refusedBy[limit] ?? 0) + 1;
    this.changed();
  }

  /** Counts an end; the tokens count only when all was sent. */
  close(request: OpenRequest, outcome: Exclude<Outcome, 'open'>, served: ServedTokens | null): void {
    request.outcome = outcome;
    request.ended_at = Date.now();
    request.served = outcome === 'sent' ? served : null;
    if (!request.probe) {
      this.inFlight--;
      this.tally[outcome]++;
    }
    if (request.served !== null) {
      this.tally.input_tokens += request.served.input;
      this.tally.output_tokens += request.served.output;
    }
    this.changed();
  }

  seen(limit = Infinity): Seen {
    return {
      counters: structuredClone({ ...this.tally, in_flight: this.inFlight }),
      requests: limit === 0 ? [] : this.log.slice(-Math.min(limit, this.log.length)).map(readable),
    };
  }

  /** Forgets all but what is in flight. */
  reset(): void {
    this.tally = emptyTally();
    this.tally.peak_in_flight = this.inFlight;
    this.log = [];
    this.logCharacters = 0;
  }

  /** Calls back after each change; returns what ends it. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private limitTallies(model: string): LimitTally[] {
    const { limits } = this.tally;
    return [limits, (limits.by_model[model] ??= noUnits())];
  }

  private remember(request: OpenRequest): void {
    if (this.logLimit === 0) {
      return;
    }
    this.log.push(request);
    this.logCharacters += request.text.length;
    while (this.log.length > this.logLimit || (this.logCharacters > LOG_CHARACTERS && this.log.length > 1)) {
      this.logCharacters -= this.log.shift()?.text.length ?? 0;
    }
  }

  private changed(): void {
    for (const watcher of this.watchers) {
      watcher();
    }
  }
}

function emptyTally(): Tally {
  const sums = { requests: 0, streams: 0, input_tokens: 0, output_tokens: 0, sent: 0, aborted: 0, dropped: 0 };
  const counts = { by_path: noCounts(), by_model: noCounts(), by_fault: noCounts(), by_status: noCounts() };
  const limits = { ...noUnits(), by_model: Object.create(null) as Record<string, LimitTally>, refused_by: {} };
  return { ...sums, ...counts, in_flight: 0, peak_in_flight: 0, limits };
}

function noUnits(): LimitTally {
  return { requests: 0, tokens: 0, input_tokens: 0, output_tokens: 0, refused: 0 };
}

/** Without a prototype, so that a model may be called `constructor`. */
function noCounts(): Record<string, number> {
  return Object.create(null) as Record<string, number>;
}

function increment(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function readable({ text, probe: _, ...request }: OpenRequest): SeenRequest {
  return { ...request, headers: { ...request.headers }, body: text === '' ? null : parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
