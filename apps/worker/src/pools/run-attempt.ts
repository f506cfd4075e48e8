import type { AttemptOutcome, AttemptPayload, AttemptResult } from '#contracts/queue-payloads.js';
import type { AttemptStore, BegunRun, Run } from '#jobs/attempt-store.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { Logger } from '#platform/logging.js';
import type { CallProvider, CallReport } from './call-provider.js';
import type { EndAttempt } from './end-attempt.js';
import { AttemptStopped, type RunningAttempts } from './running-attempts.js';

export interface RunAttemptDeps {
  attempts: AttemptStore;
  queues: AttemptQueues;
  running: RunningAttempts;
  callProvider: CallProvider;
  endAttempt: EndAttempt;
  logger: Logger;
}

/**
 * The path of one attempt through a worker: begin (fence), call the provider, commit the outcome or open the next attempt.
 * Never throws for anything a provider, a client or another worker did: the attempt completes with an outcome.
 */
export class RunAttempt {
  constructor(private readonly deps: RunAttemptDeps) {}

  async run(payload: AttemptPayload, token: string, lockLost: AbortSignal): Promise<AttemptResult> {
    const run: Run = { ...payload, run: token };
    const begun = await this.deps.attempts.begin(run);
    switch (begun.kind) {
      case 'gone':
      case 'finished':
        return { callId: run.callId, outcome: begun.kind };
      case 'superseded':
        // The worker that opened the newer attempt may have died before it was enqueued; adding it twice runs it once.
        if (!begun.begun) {
          await this.deps.queues.enqueue({ ...payload, attempt: begun.attempt }, begun);
        }
        return { callId: run.callId, outcome: 'superseded' };
      case 'run':
        return { callId: run.callId, outcome: await this.execute(run, begun, lockLost) };
    }
  }

  private async execute(run: Run, begun: BegunRun, lockLost: AbortSignal): Promise<AttemptOutcome> {
    const stop = new AbortController();
    const forget = this.deps.running.add(run.jobId, stop);
    const onLockLost = (): void => stop.abort(new AttemptStopped('lock_lost'));
    lockLost.addEventListener('abort', onLockLost, { once: true });
    const deadline = armDeadline(begun.deadline, stop);
    let report: CallReport;
    try {
      report = await this.deps.callProvider.call(run, begun, stop);
    } finally {
      clearTimeout(deadline);
      lockLost.removeEventListener('abort', onLockLost);
      forget();
    }
    const outcome = await this.deps.endAttempt.end(run, begun, report);
    if (outcome === 'refused') {
      this.deps.logger.warn(
        { jobId: run.jobId, attempt: run.attempt },
        'a newer run has taken over; this one changed nothing',
      );
      return 'superseded';
    }
    return outcome;
  }
}

/** setTimeout's limit; a deadline further away than 24 days is looked after by the reconciler. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function armDeadline(deadline: number, stop: AbortController): NodeJS.Timeout | undefined {
  const remaining = deadline - Date.now();
  if (remaining > LONGEST_TIMER_MS) return undefined;
  return setTimeout(() => stop.abort(new AttemptStopped('deadline')), Math.max(remaining, 0));
}
