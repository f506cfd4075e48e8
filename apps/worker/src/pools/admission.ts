import type { TemporaryReason } from '#contracts/decision.js';
import type { Place } from '#contracts/live-views.js';
import type { HealthStore, Subject } from '#health/health-store.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { BegunRun } from '#jobs/attempt-store.js';
import { reroute, type Reroute } from '#routing/reroute.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';
import type { ProviderDirectory } from './provider-directory.js';

export interface AdmissionDeps {
  views: LiveViewsSource;
  health: HealthStore;
  directory: ProviderDirectory;
}

/** `go` is due now; anything else gives the attempt back. */
export type Admitted = { kind: 'go' } | Reroute;

/** Decides, just before a provider is called, whether the call may be sent there now. */
export class Admission {
  constructor(private readonly deps: AdmissionDeps) {}

  /** True when nothing stands against calls in this pool, as far as this process knows: they need not ask. */
  isOpen(pool: string): boolean {
    const provider = this.deps.directory.providerOfPool(pool);
    return provider !== undefined && this.deps.views.isClear({ provider, pool });
  }

  /** Asks for one call; a provider whose cool-down has passed is given one call as a probe. */
  async ask(begun: BegunRun): Promise<Admitted> {
    const { candidates } = begun.plan;
    const place = candidates[begun.index];
    if (!place) throw new RangeError(`candidate ${begun.index} of ${candidates.length} does not exist`);
    if (this.closedBy(place) === null && (await this.mayProbe(place))) return { kind: 'go' };
    const { views, directory } = this.deps;
    const next = reroute({
      candidates,
      index: begun.index,
      failures: begun.failures,
      isOpen: (other) => this.closedBy(other) === null,
      opensAt: (other) => views.opensAt(other),
      contextTokensOf: (model) => directory.contextTokensOf(model, views.views),
      now: Date.now(),
    });
    const worthTrying = begun.plan.attended && next.kind === 'wait' && this.closedBy(place) !== 'pool_paused';
    return worthTrying ? { kind: 'go' } : next;
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

function subjectsOf({ provider, model }: Place): Subject[] {
  return [
    { kind: 'provider', id: provider },
    { kind: 'model', id: model },
  ];
}
