import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporaryReason } from '#contracts/decision.js';
import type { Place } from '#contracts/live-views.js';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { Usage } from '#contracts/usage.js';
import type { HealthStore, Subject } from '#health/health-store.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { BegunRun } from '#jobs/attempt-store.js';
import { LONGEST_HOLD_MS, type Ticket, type Tickets } from '#limits/tickets.js';
import { expectedTokens, usedTokens } from '#contracts/accounting.js';
import { reroute, type Reroute } from '#routing/reroute.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';
import type { ProviderDirectory } from './provider-directory.js';

/** A limit may be raised while an attempt waits for it without a ticket. */
const LONGEST_WAIT_MS = 30_000;

export interface AdmissionDeps {
  views: LiveViewsSource;
  health: HealthStore;
  tickets: Tickets;
  directory: ProviderDirectory;
}

/** `go` is due now; anything else gives the attempt back, with the ticket of that pool where it already holds one. */
export type Admitted = { kind: 'go'; ticket: Ticket | null } | (Reroute & { ticket?: string });

/** Decides, just before a provider is called, whether the call may be sent there and when. */
export class Admission {
  constructor(private readonly deps: AdmissionDeps) {}

  /** True when calls in this pool need not ask: it has no limits, and nothing stands against it as far as this process knows. */
  isFree(pool: string): boolean {
    const { directory, tickets, views } = this.deps;
    const provider = directory.providerOfPool(pool);
    if (provider === undefined || !views.isClear({ provider, pool })) return false;
    return tickets.isUnlimited(directory.scopesOfPool(pool));
  }

  /** Asks for one call, and holds it until its time has come; a provider whose cool-down has passed is given one call as a probe. */
  async ask(begun: BegunRun, signal: AbortSignal): Promise<Admitted> {
    const { candidates } = begun.plan;
    const place = candidates[begun.index];
    if (!place) throw new RangeError(`candidate ${begun.index} of ${candidates.length} does not exist`);
    if (this.closedBy(place) === null && (await this.mayProbe(place))) return this.takeTicket(begun, place, signal);
    const next = this.elsewhere(begun);
    // Somebody waits for the answer and nobody else can give one: a provider that is down is asked all the same.
    const worthTrying = begun.plan.attended && next.kind === 'wait' && this.closedBy(place) !== 'pool_paused';
    return worthTrying ? this.takeTicket(begun, place, signal) : next;
  }

  /** What the provider said of its limits in its answer to a call that was sent so long ago. */
  async hear({ scopes }: Ticket, reading: RateLimitReading, ageMs: number): Promise<void> {
    await this.deps.tickets.correct(scopes, reading, ageMs);
  }

  /** What a call counted in the end, or that it was never sent. */
  async settle(ticket: Ticket, used: { usage: Usage; provider: string } | null): Promise<void> {
    const { tickets, directory } = this.deps;
    if (used === null) return tickets.settle(ticket, null);
    const type = directory.provider(used.provider)?.type;
    const counted = type && usedTokens(type, used.usage);
    if (counted) await tickets.settle(ticket, counted);
  }

  private elsewhere(begun: BegunRun): Reroute {
    const { views, directory } = this.deps;
    return reroute({
      candidates: begun.plan.candidates,
      index: begun.index,
      failures: begun.failures,
      isOpen: (other) => this.closedBy(other) === null,
      opensAt: (other) => views.opensAt(other),
      contextTokensOf: (model) => directory.contextTokensOf(model, views.views),
      now: Date.now(),
    });
  }

  private async takeTicket(begun: BegunRun, place: Place, signal: AbortSignal): Promise<Admitted> {
    const ticket = this.ticketFor(begun, place);
    if (ticket === null) return { kind: 'go', ticket: null };
    if (begun.ticket === place.pool) return { kind: 'go', ticket };
    const reply = await this.deps.tickets.take(place.pool, ticket);
    if (reply.kind === 'later') {
      return { kind: 'wait', index: begun.index, delayMs: Math.min(reply.waitMs, LONGEST_WAIT_MS) };
    }
    if (reply.waitMs > LONGEST_HOLD_MS) {
      return { kind: 'wait', index: begun.index, delayMs: reply.waitMs, ticket: place.pool };
    }
    if (await held(reply.waitMs, signal)) return { kind: 'go', ticket };
    // Stopped while it waited: the call finds that out by itself.
    await this.settle(ticket, null);
    return { kind: 'go', ticket: null };
  }

  /** What this call is expected to count at the place; null where nothing is counted. */
  private ticketFor({ plan, request }: BegunRun, { pool, provider }: Place): Ticket | null {
    const { directory, tickets } = this.deps;
    const scopes = directory.scopesOfPool(pool);
    const type = directory.provider(provider)?.type;
    if (type === undefined || tickets.isUnlimited(scopes)) return null;
    const { inputTokens, outputTokens } = plan;
    const limit = request.max_completion_tokens ?? request.max_tokens;
    const maxTokens = typeof limit === 'number' ? limit : null;
    return { scopes, cost: expectedTokens(type, { inputTokens, outputTokens, maxTokens }) };
  }

  private closedBy(place: Place): TemporaryReason | null {
    return temporaryReasonOf(place, this.deps.views.views);
  }

  /** True when the place is well, or this call is the probe that finds out. */
  private async mayProbe(place: Place): Promise<boolean> {
    const { views, health, directory } = this.deps;
    for (const subject of subjectsOf(place)) {
      const known = views.healthOf(subject);
      if (!known?.probeDue) continue;
      const answer = await health.askProbe(subject, directory.coolDownMs(place.provider));
      if (answer.kind !== 'open') views.noteHealth(subject, known.closedFor(answer.waitMs));
      if (answer.kind === 'closed') return false;
    }
    return true;
  }
}

/** True once the time has passed; false as soon as the signal aborts. */
async function held(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms <= 0) return !signal.aborted;
  return sleep(ms, true, { signal }).catch(() => false);
}

function subjectsOf({ provider, model }: Place): Subject[] {
  return [
    { kind: 'provider', id: provider },
    { kind: 'model', id: model },
  ];
}
