import type { AttemptOutcome, AttemptPayload, AttemptResult } from '#contracts/queue-payloads.js';
import type { OutcomeReporter } from '#health/outcome-reporter.js';
import type { AttemptStore, BegunRun, Run } from '#jobs/attempt-store.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { Logger } from '#platform/logging.js';
import { FREE, type Admission, type Permit } from './admission.js';
import type { CallProvider, CallReport } from './call-provider.js';
import type { EndAttempt, Ended } from './end-attempt.js';
import type { TakenAttempt } from '#queues/pool-worker.js';
import { AttemptStopped, type RunningAttempts } from './running-attempts.js';

export interface RunAttemptDeps {
  attempts: AttemptStore;
  queues: AttemptQueues;
  running: RunningAttempts;
  admission: Admission;
  outcomes: OutcomeReporter;
  callProvider: CallProvider;
  endAttempt: EndAttempt;
  logger: Logger;
}

/**
 * The path of one attempt through a worker: begin (fence), be admitted, call the provider, commit the outcome or open the next
 * attempt. Never throws for anything a provider, a client or another worker did: the attempt completes with an outcome.
 */
export class RunAttempt {
  constructor(private readonly deps: RunAttemptDeps) {}

  async run(payload: AttemptPayload, { pool, turn, run: token, lockLost }: TakenAttempt): Promise<AttemptResult> {
    const run: Run = { ...payload, run: token };
    const start = this.deps.admission.isFree(pool);
    const begun = await this.deps.attempts.begin(run, { pool, turn, start });
    switch (begun.kind) {
      case 'gone':
      case 'finished':
        return { callId: run.callId, outcome: begun.kind };
      case 'superseded':
        // The worker that opened the newer attempt may have died before it was enqueued; adding it twice runs it once.
        if (!begun.begun) {
          await this.deps.queues.enqueue({ ...payload, attempt: begun.attempt }, { pool: begun.pool });
        }
        return { callId: run.callId, outcome: 'superseded' };
      case 'run':
        return { callId: run.callId, outcome: await this.execute(run, begun, { pool, started: start, lockLost }) };
    }
  }

  private async execute(
    run: Run,
    begun: BegunRun,
    { pool, started, lockLost }: { pool: string; started: boolean; lockLost: AbortSignal },
  ): Promise<AttemptOutcome> {
    const stop = new AbortController();
    const forget = this.deps.running.add(run.jobId, stop);
    const onLockLost = (): void => stop.abort(new AttemptStopped('lock_lost'));
    lockLost.addEventListener('abort', onLockLost, { once: true });
    const deadline = armDeadline(begun.deadline, stop);
    let ended: Ended;
    try {
      ended = await this.admitAndCall(run, begun, { pool, started, stop });
    } finally {
      clearTimeout(deadline);
      lockLost.removeEventListener('abort', onLockLost);
      forget();
    }
    if (ended === 'refused') {
      this.deps.logger.warn(
        { jobId: run.jobId, attempt: run.attempt },
        'a newer run has taken over; this one changed nothing',
      );
      return 'superseded';
    }
    return ended;
  }

  private async admitAndCall(
    run: Run,
    begun: BegunRun,
    { pool, started, stop }: { pool: string; started: boolean; stop: AbortController },
  ): Promise<Ended> {
    const { admission, endAttempt } = this.deps;
    if (started) {
      const elsewhere = admission.disabled(begun);
      if (elsewhere) return endAttempt.giveBack(run, begun, { delayMs: 0, ...elsewhere });
      return this.call(run, begun, { permit: FREE, stop });
    }
    const askedAt = performance.now();
    const admitted = await admission.ask(run, begun, stop.signal);
    if (admitted.kind !== 'go') return endAttempt.giveBack(run, begun, { delayMs: 0, ...admitted });
    begun.waitedMs += Math.round(performance.now() - askedAt);
    const { permit } = admitted;
    try {
      const reply = await this.deps.attempts.start(run, { pool, turn: begun.turn });
      if (reply === 'refused') {
        await admission.giveBack(permit);
        return 'refused';
      }
      if (reply === 'stop') stop.abort(new AttemptStopped('stopped'));
      return await this.call(run, begun, { permit, stop });
    } finally {
      await permit.lease?.release();
    }
  }

  private async call(
    run: Run,
    begun: BegunRun,
    { permit, stop }: { permit: Permit; stop: AbortController },
  ): Promise<Ended> {
    const { admission, callProvider, endAttempt } = this.deps;
    const report = await callProvider.call(run, begun, stop);
    await this.settle(permit, begun, report);
    // Taken before this process had heard that the vault was locked: it waits like those that were not.
    if (report.outcome.kind === 'locked') return endAttempt.giveBack(run, begun, admission.lockedOut(begun));
    await this.tell(begun, report);
    return endAttempt.end(run, begun, report);
  }

  /** What failed after it was sent stays charged: nobody says what the provider counted. */
  private async settle(permit: Permit, { plan, index }: BegunRun, report: CallReport): Promise<void> {
    const { ticket } = permit;
    if (ticket === null) return;
    const { admission } = this.deps;
    const { outcome, usage, price, rateLimits, durationMs } = report;
    const provider = plan.candidates[index]?.provider;
    if (rateLimits) await admission.hear(ticket, rateLimits, durationMs);
    if (price === null) await admission.giveBack(permit);
    else if (outcome.kind === 'answered' && usage && provider !== undefined) {
      await admission.settle(ticket, { usage, provider });
    }
  }

  /** Before anything is decided: what the others and this process learn from the call counts for what happens next. */
  private async tell({ plan, index }: BegunRun, { outcome, durationMs: ageMs }: CallReport): Promise<void> {
    const place = plan.candidates[index];
    if (!place) return;
    if (outcome.kind === 'answered') await this.deps.outcomes.answered(place, { latencyMs: ageMs, ageMs });
    if (outcome.kind !== 'failed') return;
    const { errorClass, options } = outcome.error;
    const { blames = 'provider', retryAfterMs = null } = options;
    await this.deps.outcomes.failed(place, { errorClass, blames, retryAfterMs, ageMs });
  }
}

/** setTimeout's limit; a deadline further away than 24 days is looked after by the reconciler. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function armDeadline(deadline: number, stop: AbortController): NodeJS.Timeout | undefined {
  const remaining = deadline - Date.now();
  if (remaining > LONGEST_TIMER_MS) return undefined;
  return setTimeout(() => stop.abort(new AttemptStopped('deadline')), Math.max(remaining, 0));
}
