import type { Counters } from './counters.js';
import type { Plan } from './plan.js';
import { RequestProblem, type ModelRequest, type Protocol, type Route } from './protocol.js';
import type { Admission, RateLimiter } from './rate-limiter.js';

/** One request's way through the limits. */
export class LimitGate {
  /** What its answer says about them; empty before it has entered. */
  headers: Record<string, string> = {};
  private admission: Admission | null = null;

  constructor(
    private readonly limiter: RateLimiter,
    private readonly counters: Counters,
    private readonly protocol: Protocol,
  ) {}

  /** Lets the request in, unless its route is under no limits; throws RequestProblem when they refuse it. */
  enter(route: Route, asked: ModelRequest): void {
    if (route.size === undefined) return;
    const { model } = asked;
    const { limits } = this.protocol;
    const outcome = this.limiter.admit({ model, size: route.size(asked), counting: limits.counting });
    this.headers = limits.headers(this.limiter.states(model), Date.now());
    if ('waitMs' in outcome) {
      this.counters.refused(model, outcome.name);
      throw new RequestProblem(this.protocol.problem(limits.refusal(outcome, model)));
    }
    this.admission = outcome;
    this.counters.admitted(model, outcome.counted);
  }

  /** Counts the output of the answer, all at once: its pace is a matter of seconds, the limits' of minutes. */
  produced(plan: Plan, model: string): void {
    if (this.admission === null) return;
    const tokens = plan.served?.output ?? plan.frames.reduce((sum, frame) => sum + frame.tokens, 0);
    this.counters.admitted(model, this.admission.produced(tokens));
  }

  /** Gives back what is held as long as the answer lasts. */
  leave(): void {
    this.admission?.release();
  }
}
