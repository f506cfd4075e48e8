import type { AttemptRecord, PublicError } from '#contracts/attempt.js';
import type { AttemptOutcome } from '#contracts/queue-payloads.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { AttemptStore, BegunRun, NextAttempt, Outcome, Run } from '#jobs/attempt-store.js';
import type { ProviderError } from '#providers/provider-error.js';
import type { Graph } from '#jobs/graph-record.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { costOf } from '#routing/cost.js';
import { nextStep, type NextStep } from '#routing/failover.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';
import type { CallReport } from './call-provider.js';
import type { ProviderDirectory } from './provider-directory.js';
import type { AttemptStopped } from './running-attempts.js';

export interface EndAttemptDeps {
  attempts: AttemptStore;
  queues: AttemptQueues;
  directory: ProviderDirectory;
  views: LiveViewsSource;
  random: () => number;
  /** Goes on with a graph one of whose calls has ended; never throws. */
  goOn: (graph: Graph) => Promise<void>;
}

/** `refused`: another run has taken over, and nothing was written. */
export type Ended = AttemptOutcome | 'refused';

/** Commits what became of an attempt, and sees to what follows: the job's end, its graph's next steps, or the next attempt in the pool that it goes to. */
export class EndAttempt {
  constructor(private readonly deps: EndAttemptDeps) {}

  async end(run: Run, begun: BegunRun, report: CallReport): Promise<Ended> {
    const { outcome } = report;
    switch (outcome.kind) {
      case 'answered':
        return this.finish(run, begun, {
          state: 'completed',
          result: outcome.body,
          error: null,
          record: this.record(run, begun, { report, state: 'completed', error: null }),
        });
      case 'failed':
        return this.afterFailure(run, begun, report, outcome.error);
      case 'stopped':
        return this.afterStop(run, begun, report, outcome.stopped);
      case 'locked':
        return this.giveBack(run, begun, { index: begun.index });
    }
  }

  /** Gives an attempt that was not sent back to a queue: to another candidate's, or later to the same. Uses up no attempt. */
  async giveBack(
    run: Run,
    begun: BegunRun,
    to: { index: number; delayMs?: number; ticket?: string | null },
  ): Promise<Ended> {
    return this.advance(run, begun, {
      index: to.index,
      delayMs: to.delayMs ?? 0,
      used: begun.used,
      tries: to.index === begun.index ? begun.tries : 0,
      failures: begun.failures,
      record: null,
      ticket: to.ticket ?? null,
      // Whoever is given back stands where it stood: at the front, thousands would come before those of a higher class.
      ...(to.index === begun.index && { turn: begun.turn }),
    });
  }

  private async afterFailure(run: Run, begun: BegunRun, report: CallReport, error: ProviderError): Promise<Ended> {
    const publicError = error.toPublic();
    const record = this.record(run, begun, { report, state: 'failed', error: publicError });
    const billable = error.errorClass === 'rate_limited' ? 0 : 1;
    const used = begun.used + billable;
    const tries = begun.tries + billable;
    const committedToClient = begun.syncStream && report.committed;
    const step = this.nextStep(run, begun, { error, used, tries, committedToClient });
    if (step.kind === 'fail') {
      const failure = committedToClient ? interrupted(publicError) : publicError;
      return this.finish(run, begun, { state: 'failed', result: null, error: failure, record });
    }
    const place = placeOf(step, begun);
    const failures = begun.plan.candidates.map((_, i) =>
      i === begun.index ? error.errorClass : (begun.failures[i] ?? null),
    );
    return this.advance(run, begun, {
      index: place.index,
      delayMs: place.delayMs,
      used,
      tries: place.index === begun.index ? tries : 0,
      failures,
      record,
    });
  }

  private nextStep(
    run: Run,
    { plan, index, failures }: BegunRun,
    failed: { error: ProviderError; used: number; tries: number; committedToClient: boolean },
  ): NextStep {
    const { views, directory, random } = this.deps;
    const unbilled = run.attempt - failed.used;
    return nextStep({
      errorClass: failed.error.errorClass,
      retryAfterMs: failed.error.options.retryAfterMs ?? null,
      rounds: Math.floor(Math.max(unbilled - 1, 0) / plan.candidates.length),
      candidates: plan.candidates,
      index,
      failures,
      sameCandidateTries: failed.tries,
      billableAttempts: failed.used,
      maxAttempts: plan.maxAttempts,
      onContentFilter: plan.onContentFilter,
      contextTokensOf: (model) => directory.contextTokensOf(model, views.views),
      isOpen: (place) => temporaryReasonOf(place, views.views) === null,
      opensInMs: (place) => Math.max(views.opensAt(place) - Date.now(), 0),
      committedToClient: failed.committedToClient,
      random,
    });
  }

  private async afterStop(run: Run, begun: BegunRun, report: CallReport, { reason }: AttemptStopped): Promise<Ended> {
    switch (reason) {
      case 'lock_lost':
        return 'refused';
      case 'shutdown':
        if (begun.syncStream && report.committed) {
          const error = interrupted(null);
          const record = this.record(run, begun, { report, state: 'failed', error });
          return this.finish(run, begun, { state: 'failed', result: null, error, record });
        }
        return this.giveBack(run, begun, { index: begun.index });
      case 'deadline':
        return this.finishStopped(run, begun, report, 'expired');
      case 'stopped':
        return this.finishStopped(run, begun, report, Date.now() >= begun.deadline ? 'expired' : 'cancelled');
    }
  }

  private async finishStopped(
    run: Run,
    begun: BegunRun,
    report: CallReport,
    state: 'cancelled' | 'expired',
  ): Promise<Ended> {
    const error: PublicError = { ...STOPPED_ERRORS[state], class: null, providerStatus: null };
    const record = this.record(run, begun, { report, state, error });
    return this.finish(run, begun, { state, result: null, error, record });
  }

  private async finish(run: Run, begun: BegunRun, outcome: Outcome): Promise<Ended> {
    if (begun.step !== null) return this.finishCall(run, outcome);
    const reply = await this.deps.attempts.finish(run, outcome);
    return reply === 'committed' ? outcome.state : 'refused';
  }

  private async finishCall(run: Run, outcome: Outcome): Promise<Ended> {
    const reply = await this.deps.attempts.finishCall(run, outcome);
    if (reply.kind === 'refused') return 'refused';
    if (reply.graph !== null) await this.deps.goOn(reply.graph);
    return outcome.state;
  }

  private async advance(run: Run, begun: BegunRun, next: NextAttempt & { turn?: number }): Promise<Ended> {
    const reply = await this.deps.attempts.advance(run, next);
    if (reply.kind !== 'advanced') return reply.kind;
    const pool = begun.plan.candidates[next.index]?.pool;
    if (pool === undefined) throw new RangeError(`candidate ${next.index} does not exist`);
    const { queues } = this.deps;
    await queues.enqueue(
      { jobId: run.jobId, callId: run.callId, attempt: reply.attempt, ...(run.parent && { parent: run.parent }) },
      {
        pool,
        delayMs: next.delayMs,
        ...(next.turn !== undefined && { turn: await queues.turnAgain(pool, next.turn) }),
      },
    );
    return next.record === null ? 'released' : 'advanced';
  }

  private record(
    run: Run,
    begun: BegunRun,
    end: { report: CallReport; state: AttemptRecord['state']; error: PublicError | null },
  ): AttemptRecord {
    const candidate = begun.plan.candidates[begun.index];
    const { usage, usageEstimated, price, ttftMs, dropped, durationMs } = end.report;
    return {
      n: run.attempt,
      model: candidate?.model ?? '',
      provider: candidate?.provider ?? '',
      state: end.state,
      error: end.error,
      waitedMs: begun.waitedMs,
      ttftMs,
      ...(dropped.length > 0 && { dropped }),
      durationMs,
      usage,
      usageEstimated,
      costNano: usage && price ? costOf(usage, price) : 0,
    };
  }
}

const STOPPED_ERRORS = {
  cancelled: { code: 'job_cancelled', message: 'The job was cancelled.' },
  expired: { code: 'job_expired', message: 'The job passed its deadline.' },
} as const;

function placeOf(step: Exclude<NextStep, { kind: 'fail' }>, begun: BegunRun): { index: number; delayMs: number } {
  switch (step.kind) {
    case 'retry_same':
      return { index: begun.index, delayMs: step.delayMs };
    case 'next':
      return { index: step.index, delayMs: 0 };
    case 'wait':
      return step;
  }
}

function interrupted(cause: PublicError | null): PublicError {
  return {
    code: 'stream_interrupted',
    message: `The stream broke after its first content${cause ? `: ${cause.message}` : '.'}`,
    class: cause?.class ?? null,
    providerStatus: cause?.providerStatus ?? null,
  };
}
