import {
  RATE_NAMES,
  type Counting,
  type LimitName,
  type LimitSet,
  type ProviderLimits,
  type RateName,
} from './limit-settings.js';
import { SlidingWindow, TokenBucket, type Meter } from './meter.js';

/** What a request is known to take before it is answered. */
export interface RequestSize {
  /** Tokens of the prompt, as the answer's usage counts them. */
  input: number;
  /** How many of those come from a cache. */
  cached: number;
  /** The most that it lets the answer have; 0 where it does not say. */
  maxOutput: number;
}

/** Where a limit stands. */
export interface LimitState {
  name: RateName;
  limit: number;
  remaining: number;
  /** Until all of it is free again. */
  resetMs: number;
}

/** Why a request was not let in. */
export interface Refusal {
  name: LimitName;
  /** A request's size is held against the capacity where it is larger than that. */
  limit: number;
  used: number;
  requested: number;
  /** Null where waiting does not help, or where nobody knows for how long: the request is too large, or others are in its place. */
  waitMs: number | null;
}

/** Units as the limits count them. */
export interface CountedUnits {
  requests: number;
  /** As `tpm` counts them. */
  tokens: number;
  input_tokens: number;
  output_tokens: number;
}

/** A request that was let in. */
export interface Admission {
  counted: CountedUnits;
  /** Counts output; returns what it counted as. */
  produced(tokens: number): CountedUnits;
  /** Gives its place among the concurrent ones back. */
  release(): void;
}

interface Scope {
  meters: readonly { name: RateName; meter: Meter }[];
  mode: Counting | null;
  concurrency: number;
  inFlight: number;
}

/** Keeps a provider's limits. A request comes in under all of them or, refused, costs none of them anything. */
export class RateLimiter {
  private readonly all: Scope;
  private readonly byModel: ReadonlyMap<string, Scope>;

  constructor(
    { by_model: byModel = {}, ...all }: ProviderLimits,
    private readonly now: () => number,
  ) {
    const { algorithm, mode, burst } = all;
    this.all = scopeOf(all);
    this.byModel = new Map(
      Object.entries(byModel).map(([model, own]) => [model, scopeOf({ algorithm, mode, burst, ...own })]),
    );
  }

  /** Lets a request in or refuses it; `counting` holds where the limits name no mode. */
  admit(request: { model: string; size: RequestSize; counting: Counting }): Admission | Refusal {
    const nowMs = Math.floor(this.now());
    const scopes = this.scopesOf(request.model);
    const refusal = scopes
      .flatMap((scope) => refusals(scope, { ...request, nowMs }))
      .reduce<Refusal | null>(longer, null);
    return refusal ?? this.admitted(scopes, { ...request, nowMs });
  }

  /** Where each limit of a model's requests stands now; of two by the same name the tighter one. */
  states(model: string): LimitState[] {
    const nowMs = Math.floor(this.now());
    const states = new Map<RateName, LimitState>();
    for (const { name, meter } of this.scopesOf(model).flatMap((scope) => scope.meters)) {
      const state = { name, limit: meter.limit, remaining: meter.remaining(nowMs), resetMs: meter.resetMs(nowMs) };
      if (state.remaining < (states.get(name)?.remaining ?? Infinity)) states.set(name, state);
    }
    return [...states.values()];
  }

  /** The model's own limits come first: its mode says how its tokens are tallied. */
  private scopesOf(model: string): [Scope, ...Scope[]] {
    const own = this.byModel.get(model);
    return own === undefined ? [this.all] : [own, this.all];
  }

  private admitted(scopes: [Scope, ...Scope[]], asking: Asking): Admission {
    for (const scope of scopes) {
      scope.inFlight++;
      for (const { name, meter } of scope.meters) {
        meter.charge(atAdmission(scope, asking)[name], asking.nowMs);
      }
    }
    let released = false;
    const { rpm, tpm, itpm } = atAdmission(scopes[0], asking);
    return {
      counted: { requests: rpm, tokens: tpm, input_tokens: itpm, output_tokens: 0 },
      produced: (tokens) => this.produced(scopes, { tokens, counting: asking.counting }),
      release: () => {
        for (const scope of released ? [] : scopes) scope.inFlight--;
        released = true;
      },
    };
  }

  private produced(
    scopes: [Scope, ...Scope[]],
    { tokens, counting }: { tokens: number; counting: Counting },
  ): CountedUnits {
    const nowMs = Math.floor(this.now());
    for (const scope of scopes) {
      for (const { name, meter } of scope.meters) {
        if (name === 'otpm' || (name === 'tpm' && modeOf(scope, counting) === 'anthropic')) {
          meter.charge(tokens, nowMs);
        }
      }
    }
    const towardsTpm = modeOf(scopes[0], counting) === 'anthropic' ? tokens : 0;
    return { requests: 0, tokens: towardsTpm, input_tokens: 0, output_tokens: tokens };
  }
}

interface Asking {
  size: RequestSize;
  counting: Counting;
  nowMs: number;
}

function scopeOf({ algorithm, mode, burst = 1, concurrency = Infinity, ...rates }: LimitSet): Scope {
  const meters = RATE_NAMES.flatMap((name) => {
    const limit = rates[name];
    if (limit === undefined) return [];
    return [{ name, meter: algorithm === 'sliding_window' ? new SlidingWindow(limit) : new TokenBucket(limit, burst) }];
  });
  return { meters, mode: mode ?? null, concurrency, inFlight: 0 };
}

function modeOf(scope: Scope, counting: Counting): Counting {
  return scope.mode ?? counting;
}

/** What is charged when a request comes in. Output is not known yet. */
function atAdmission(scope: Scope, { size, counting }: Asking): Record<RateName, number> {
  const fresh = size.input - size.cached;
  const tpm = modeOf(scope, counting) === 'openai' ? Math.max(size.input, size.maxOutput) : fresh;
  return { rpm: 1, tpm, itpm: fresh, otpm: 0 };
}

function refusals(scope: Scope, asking: Asking): Refusal[] {
  const amounts = atAdmission(scope, asking);
  const found = scope.meters.flatMap(({ name, meter }): Refusal[] => {
    // Room for one token of output is what an answer needs to begin.
    const requested = name === 'otpm' ? 1 : amounts[name];
    const waitMs = meter.waitMs(requested, asking.nowMs);
    if (waitMs === 0) return [];
    if (waitMs === Infinity) return [{ name, limit: meter.capacity, used: 0, requested, waitMs: null }];
    return [{ name, limit: meter.limit, used: meter.limit - meter.remaining(asking.nowMs), requested, waitMs }];
  });
  if (scope.inFlight < scope.concurrency) return found;
  const { concurrency, inFlight } = scope;
  return [...found, { name: 'concurrency', limit: concurrency, used: inFlight, requested: 1, waitMs: null }];
}

/** The refusal that holds the longest. One without a time comes before all: waiting out the others would not do. */
function longer(one: Refusal | null, other: Refusal): Refusal {
  if (one === null) return other;
  return (other.waitMs ?? Infinity) > (one.waitMs ?? Infinity) ? other : one;
}
