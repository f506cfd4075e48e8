import { isTerminal } from '#contracts/job-state.js';
import type { JobStore } from './job-store.js';
import type { EndNotice, Notices } from './notices.js';

export interface WaitOptions {
  /** Gives up after this many milliseconds and resolves with null. */
  timeoutMs: number;
  /** Aborting rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Waits for jobs to end, by notice. */
export class EndWaiter {
  constructor(
    private readonly store: JobStore,
    private readonly notices: Notices,
  ) {}

  /** Waits for a job that was created with this process as waiter. Call it before the job is created, so that no notice is missed. */
  expectEnd(jobId: string, options: WaitOptions): Promise<EndNotice | null> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        stopListening();
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
        act();
      };
      const lookUp = (): void => {
        this.readEnd(jobId).then(
          (notice) => notice && settle(() => resolve(notice)),
          // Redis is away again: the next interruption looks again, and the timeout bounds it all.
          () => undefined,
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
    const record = await this.store.read(jobId);
    if (record === null || !isTerminal(record.state)) return null;
    return {
      state: record.state,
      model: record.model,
      provider: record.provider,
      costNano: record.costNano,
      attempts: record.attempts.length,
      body: record.state === 'completed' ? record.result : JSON.stringify(record.error),
    };
  }
}
