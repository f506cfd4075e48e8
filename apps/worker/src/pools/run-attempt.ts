import type { AttemptOutcome, AttemptPayload, AttemptResult } from '#contracts/queue-payloads.js';
import type { OutcomeReporter } from '#health/outcome-reporter.js';
import type { Ticket } from '#limits/tickets.js';
import type { AttemptStore, BegunRun, Run } from '#jobs/attempt-store.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { Logger } from '#platform/logging.js';
import type { Admission } from './admission.js';
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
    const { admission, attempts, callProvider, endAttempt } = this.deps;
    let ticket: Ticket | null = null;
    if (!started) {
      const askedAt = performance.now();
      const admitted = await admission.ask(begun, stop.signal);
      if (admitted.kind !== 'go') {
        return endAttempt.giveBack(run, begun, { delayMs: 0, ...admitted });
      }
      ticket = admitted.ticket;
      begun.waitedMs += Math.round(performance.now() - askedAt);
      const reply = await attempts.start(run, pool);
      if (reply === 'refused') return 'refused';
      if (reply === 'stop') stop.abort(new AttemptStopped('stopped'));
    }
    const report = await callProvider.call(run, begun, stop);
    if (ticket) await this.settle(ticket, begun, report);
    await this.tell(begun, report);
    return endAttempt.end(run, begun, report);
  }

  /** What failed after it was sent stays charged: nobody says what the provider counted. */
  private async settle(
    ticket: Ticket,
    { plan, index }: BegunRun,
    { outcome, usage, price }: CallReport,
  ): Promise<void> {
    const provider = plan.candidates[index]?.provider;
    if (price === null) await this.deps.admission.settle(ticket, null);
    else if (outcome.kind === 'answered' && usage && provider !== undefined) {
      await this.deps.admission.settle(ticket, { usage, provider });
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
