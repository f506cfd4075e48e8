import type { AnswerFault, Fault } from './fault-shapes.js';
import { matchesRequest, type RequestMatch, type RequestTraits } from './request-match.js';

/** A fault for a while: for so many requests, for so long, or, with neither, until it is cleared. */
export interface Arming {
  fault: Fault;
  match?: RequestMatch;
  times?: number;
  for_ms?: number;
}

export interface ArmedFault extends Arming {
  id: string;
}

/** The faults that are armed, in the order of their arrival: the first that matches a request strikes it. */
export class FaultBook {
  private armed: (ArmedFault & { expiresAt: number })[] = [];
  private lastId = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** Arms a fault and returns its id. */
  arm(arming: Arming): string {
    const id = `fault_${++this.lastId}`;
    this.armed.push({ ...arming, id, expiresAt: this.now() + (arming.for_ms ?? Infinity) });
    return id;
  }

  /** The fault that strikes this request, if any; takes one off its times. */
  take(request: RequestTraits): AnswerFault | null {
    if (this.armed.length === 0) {
      return null;
    }
    this.dropSpent();
    for (const armed of this.armed) {
      const { fault } = armed;
      if (fault.kind !== 'refused' && matchesRequest(armed.match ?? {}, request)) {
        if (armed.times !== undefined) {
          armed.times -= 1;
        }
        return fault;
      }
    }
    return null;
  }

  /** Milliseconds for which connections are to be refused: 0 not at all, Infinity until it is cleared. */
  refusingForMs(): number {
    this.dropSpent();
    const ends = this.armed.filter(({ fault }) => fault.kind === 'refused').map(({ expiresAt }) => expiresAt);
    return Math.max(0, ...ends.map((expiresAt) => expiresAt - this.now()));
  }

  list(): ArmedFault[] {
    this.dropSpent();
    return this.armed.map(({ expiresAt: _, ...armed }) => armed);
  }

  /** Disarms one fault, or all; returns how many there were. */
  clear(id?: string): number {
    this.dropSpent();
    const kept = id === undefined ? [] : this.armed.filter((armed) => armed.id !== id);
    const cleared = this.armed.length - kept.length;
    this.armed = kept;
    return cleared;
  }

  private dropSpent(): void {
    const now = this.now();
    this.armed = this.armed.filter((armed) => armed.times !== 0 && armed.expiresAt > now);
  }
}
