import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporaryReason } from '#contracts/decision.js';
import type { Place } from '#contracts/live-views.js';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { Usage } from '#contracts/usage.js';
import type { HealthStore, Subject } from '#health/health-store.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { BegunRun, Run } from '#jobs/attempt-store.js';
import type { Lease, Leases } from '#limits/leases.js';
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
  leases: Leases;
  directory: ProviderDirectory;
}

/** `go` is due now; anything else gives the attempt back, with the ticket of that pool where it already holds one. */
export type Admitted = { kind: 'go'; permit: Permit } | (Reroute & { ticket?: string });

/** What a call holds while it runs: its ticket, and its place at a provider with several pools. */
export interface Permit {
  ticket: Ticket | null;
  lease: Lease | null;
}

/** A provider that refuses for now, or that may not be asked, gives no answer to anybody who waits. */
const NOT_WORTH_TRYING = new Set<TemporaryReason | null>(['pool_paused', 'disabled']);

/** What needs no asking. */
export const FREE: Permit = { ticket: null, lease: null };

/** How soon a call is brought again whose secret lies in a vault that was just locked. */
const LOCKED_MS = 500;
/** How soon a call is back in the queue of a pool that an administrator paused after it had been taken from it. */
const PAUSED_MS = 250;

/** How soon a call looks again for a place where all are taken. */
const NO_PLACE_MS = 500;

/** Decides, just before a provider is called, whether the call may be sent there and when. */
export class Admission {
  constructor(private readonly deps: AdmissionDeps) {}

  /** True when calls in this pool need not ask: it has no limits, and nothing stands against it as far as this process knows. */
  isFree(pool: string): boolean {
    const { directory, tickets, views } = this.deps;
    const provider = directory.providerOfPool(pool);
    if (provider === undefined || !directory.provider(provider)?.enabled) return false;
    if (!views.isClear({ provider, pool })) return false;
    return tickets.isUnlimited(directory.scopesOfPool(pool)) && directory.sharedPlaces(provider) === null;
  }

  /**
   * Asks for one call, and holds it until its time has come; a provider whose cool-down has passed is given one call as a probe. A call
   * of a model that was removed goes at once: it fails before anything is sent.
   */
  async ask(run: Run, begun: BegunRun, signal: AbortSignal): Promise<Admitted> {
    const place = placeOf(begun);
    if (this.deps.views.views.offers(place) === 'removed') return { kind: 'go', permit: FREE };
    if (this.closedBy(place) === null && (await this.mayProbe(place))) return this.admit(run, begun, signal);
    const next = this.elsewhere(begun);
    // Its queue is held back until an administrator ends the pause, and then it must be there.
    if (next.kind === 'wait' && this.isPausedByAdmin(begun, next.index)) return { ...next, delayMs: PAUSED_MS };
    // Somebody waits for the answer and nobody else can give one: a provider that is down is asked all the same.
    const worthTrying = begun.plan.attended && next.kind === 'wait' && !NOT_WORTH_TRYING.has(this.closedBy(place));
    return worthTrying ? this.admit(run, begun, signal) : next;
  }

  /** Where a call goes that was started unasked, and whose model was disabled before this process had heard of it; null: it goes on. */
  disabled(begun: BegunRun): Reroute | null {
    return this.deps.views.views.offers(placeOf(begun)) === 'disabled' ? this.elsewhere(begun) : null;
  }

  /** Where a call goes whose secret could not be had just when it was to be sent. */
  lockedOut(begun: BegunRun): { index: number; delayMs: number } {
    const next = this.elsewhere(begun);
    // What this process knows of the moment may not have caught up.
    return { index: next.index, delayMs: next.index === begun.index ? LOCKED_MS : 0 };
  }

  /** What the provider said of its limits in its answer to a call that was sent so long ago. */
  async hear({ scopes }: Ticket, reading: RateLimitReading, ageMs: number): Promise<void> {
    await this.deps.tickets.correct(scopes, reading, ageMs);
  }

  /** The ticket of a call that was never sent. */
  async giveBack({ ticket }: Permit): Promise<void> {
    if (ticket) await this.deps.tickets.settle(ticket, null);
  }

  /** What a call counted in the end. */
  async settle(ticket: Ticket, used: { usage: Usage; provider: string }): Promise<void> {
    const { tickets, directory } = this.deps;
    const type = directory.provider(used.provider)?.type;
    const counted = type && usedTokens(type, used.usage);
    if (counted) await tickets.settle(ticket, counted);
  }

  private isPausedByAdmin({ plan }: BegunRun, index: number): boolean {
    return this.deps.views.adminPauseOf(plan.candidates[index]?.pool ?? '') !== undefined;
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

  /** A place first: a ticket is not taken for a call that cannot be sent. */
  private async admit(run: Run, begun: BegunRun, signal: AbortSignal): Promise<Admitted> {
    const { directory, leases } = this.deps;
    const { provider, pool } = placeOf(begun);
    const places = directory.sharedPlaces(provider);
    const lease = places === null ? null : await leases.take(provider, places, `${run.callId}.${run.run}`);
    if (places !== null && lease === null) return { kind: 'wait', index: begun.index, delayMs: NO_PLACE_MS };
    const ticket = this.ticketFor(begun);
    if (ticket === null || begun.ticket === pool) return { kind: 'go', permit: { ticket, lease } };
    const admitted = await this.takeTicket(begun, { ticket, lease }, signal);
    if (admitted.kind !== 'go') await lease?.release();
    return admitted;
  }

  private async takeTicket(
    begun: BegunRun,
    { ticket, lease }: { ticket: Ticket; lease: Lease | null },
    signal: AbortSignal,
  ): Promise<Admitted> {
    const { pool } = placeOf(begun);
    const reply = await this.deps.tickets.take(pool, ticket);
    if (reply.kind === 'later') {
      return { kind: 'wait', index: begun.index, delayMs: Math.min(reply.waitMs, LONGEST_WAIT_MS) };
    }
    if (reply.waitMs > LONGEST_HOLD_MS) {
      return { kind: 'wait', index: begun.index, delayMs: reply.waitMs, ticket: pool };
    }
    if (await held(reply.waitMs, signal)) return { kind: 'go', permit: { ticket, lease } };
    // Stopped while it waited: the call finds that out by itself.
    await this.deps.tickets.settle(ticket, null);
    return { kind: 'go', permit: { ticket: null, lease } };
  }

  /** What this call is expected to count at the place; null where nothing is counted. */
  private ticketFor(begun: BegunRun): Ticket | null {
    const { plan, request } = begun;
    const { pool, provider } = placeOf(begun);
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

function placeOf({ plan, index }: BegunRun): Place {
  const place = plan.candidates[index];
  if (!place) throw new RangeError(`candidate ${index} of ${plan.candidates.length} does not exist`);
  return place;
}

function subjectsOf({ provider, model }: Place): Subject[] {
  return [
    { kind: 'provider', id: provider },
    { kind: 'model', id: model },
  ];
}
