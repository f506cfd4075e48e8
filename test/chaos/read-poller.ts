import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '../e2e/doors.ts';
import type { Dice } from './dice.ts';

const EVERY_MS = 100;
const TIMEOUT_MS = 10_000;

/** One GET of a job. */
export interface Read {
  from: number;
  to: number;
  /** Null when there was no answer. */
  status: number | null;
  retryAfter: string | null;
}

/** Reads accepted jobs, ten a second, whatever happens to the processes. */
export class ReadPoller {
  readonly reads: Read[] = [];
  /** Finished jobs as they were first read: they must never look otherwise again. */
  readonly finished = new Map<string, Job>();
  private readonly options: { api: () => string; accepted: readonly string[]; dice: Dice };
  private readonly pending = new Set<Promise<void>>();

  constructor(options: { api: () => string; accepted: readonly string[]; dice: Dice }) {
    this.options = options;
  }

  /** Resolves once the signal has aborted and every read has ended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { accepted, dice } = this.options;
      if (accepted.length > 0) {
        // Mostly new ones: they are still being written to.
        const newest = accepted.slice(-30);
        const read = this.read(dice.pick(newest)).finally(() => this.pending.delete(read));
        this.pending.add(read);
      }
      await sleep(EVERY_MS);
    }
    await Promise.all(this.pending);
  }

  private async read(jobId: string): Promise<void> {
    const read: Read = { from: Date.now(), to: 0, status: null, retryAfter: null };
    try {
      const url = `${this.options.api()}/v1/jobs/${jobId}`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const text = await answer.text();
      read.status = answer.status;
      read.retryAfter = answer.headers.get('retry-after');
      const job = answer.status === 200 ? (JSON.parse(text) as Job) : null;
      if (job?.finished_at != null && !this.finished.has(jobId)) this.finished.set(jobId, job);
    } catch {
      // No answer: the status stays null, which the judge counts.
    }
    read.to = Date.now();
    this.reads.push(read);
  }
}
