import { isTerminal } from '#contracts/job-state.js';
import type { JobStore } from './job-store.js';
import type { EndNotice, Notices } from './notices.js';

export interface WaitOptions {
  /** Gives up after this many milliseconds and resolves with null. */
  timeoutMs: number;
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** How long after Redis did not answer it is asked again. */
const LOOK_AGAIN_MS = 500;

/** Waits for jobs to end, by notice. */
export class EndWaiter {
  constructor(
    private readonly store: Pick<JobStore, 'watch' | 'read'>,
    private readonly notices: Notices,
    /** Where ends are read: may have jobs that the store has no more. */
    private readonly jobs: Pick<JobStore, 'read'> = store,
  ) {}

  /** Waits for a job that was created with this process as waiter. Call it before the job is created, so that no notice is missed. */
  expectEnd(jobId: string, options: WaitOptions): Promise<EndNotice | null> {
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = (act: () => void): void => {
        settled = true;
        stopListening();
        clearTimeout(timer);
        clearTimeout(again);
        options.signal?.removeEventListener('abort', onAbort);
        act();
      };
      let again: NodeJS.Timeout | undefined;
      const lookUp = (): void => {
        clearTimeout(again);
        this.readEnd(jobId).then(
          (notice) => notice && settle(() => resolve(notice)),
          // The subscription may be back before the connection for commands is; the timeout bounds it all.
          () => (again = settled ? undefined : setTimeout(lookUp, LOOK_AGAIN_MS)),
        );
      };
      const onAbort = (): void => settle(() => reject(options.signal?.reason as Error));
      const stopListening = this.notices.listen(jobId, {
        onEnd: (notice) => settle(() => resolve(notice)),
        onInterrupted: lookUp,
      });
      const timer = setTimeout(() => settle(() => resolve(null)), options.timeoutMs);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      if (options.signal?.aborted) onAbort();
    });
  }

  /** Waits for any job to end; resolves with null after the timeout or when there is no such job. */
  async waitForEnd(jobId: string, options: WaitOptions): Promise<EndNotice | null> {
    const abandon = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, abandon.signal]) : abandon.signal;
    const ended = this.expectEnd(jobId, { ...options, signal });
    ended.catch(() => undefined);
    try {
      const state = await this.store.watch(jobId, this.notices.processId, 'waiters');
      if (state !== null && !isTerminal(state)) return await ended;
      return await this.readEnd(jobId);
    } finally {
      abandon.abort();
    }
  }

  private async readEnd(jobId: string): Promise<EndNotice | null> {
    const record = await this.jobs.read(jobId);
    if (record === null || !isTerminal(record.state)) return null;
    return {
      state: record.state,
      model: record.model,
      provider: record.provider,
      costNano: record.costNano,
      attempts: record.attempts.length,
      dropped: (record.attempts.at(-1)?.dropped ?? []).join(', '),
      body: record.state === 'completed' ? record.result : JSON.stringify(record.error),
    };
  }
}
