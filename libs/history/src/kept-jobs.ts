import type { JobState } from '#contracts/job-state.js';
import type { FindOptions } from '#jobs/job-finder.js';
import { pageOf, type JobPage, type JobsFound } from '#jobs/job-page.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { DeleteOutcome, JobStore, JobWork } from '#jobs/job-store.js';
import { isTerminal } from '#contracts/job-state.js';
import type { JobHistory } from './job-history.js';

export interface KeptJobsDeps {
  store: JobStore;
  /** Null where none is kept: then Redis has all there is. */
  history: JobHistory | null;
  /** Frees an idempotency key whose job is gone. */
  free: (idempotencyKey: string) => Promise<unknown>;
}

const NONE: JobsFound = { records: [], lookedTo: null };

/**
 * Jobs wherever they are: in Redis while they are unfinished, wait for the recorder or are hot, and in the history from their recording
 * on. Redis is always asked first: a job leaves it only after the history has it, so that there is no moment in which it is nowhere.
 */
export class KeptJobs {
  constructor(private readonly deps: KeptJobsDeps) {}

  /** The whole record, or null when there is no such job. */
  async read(jobId: string): Promise<JobRecord | null> {
    const { store, history } = this.deps;
    return (await store.read(jobId)) ?? (await history?.read(jobId)) ?? null;
  }

  /** The record, or, while Redis has it and its result is longer than so many bytes, what is short of it. */
  async readUpTo(jobId: string, resultBytes: number): Promise<JobRecord | null> {
    const { store, history } = this.deps;
    return (await store.readUpTo(jobId, resultBytes)) ?? (await history?.read(jobId)) ?? null;
  }

  /** The project that a job belongs to and its state. */
  async look(jobId: string): Promise<{ project: string; state: JobState } | null> {
    const { store, history } = this.deps;
    return (await store.look(jobId)) ?? (await history?.look(jobId)) ?? null;
  }

  /** What a job was asked to do, for one that tries it again. */
  async readWork(jobId: string): Promise<JobWork> {
    const { store, history } = this.deps;
    const live = await store.look(jobId);
    const kept = live === null ? await history?.readWork(jobId) : null;
    return kept ?? store.readWork(jobId);
  }

  /**
   * The jobs of a project, or (null) of all, that pass the filter, newest first, from the one after `after`; each once. A page may be
   * short, even empty, with more to come: so much of Redis is looked through at a time, so many bytes are on a page, and no more.
   */
  async list(project: string | null, { after, limit, filter = {} }: FindOptions): Promise<JobPage> {
    const { store, history } = this.deps;
    const wanted = { after, limit: limit + 1, filter };
    // In this order: what the recorder takes out of Redis's list meanwhile is in the history by then.
    const live = await store.find(project, wanted);
    const recorded = (await history?.list(project, { ...wanted, after: after?.id ?? null })) ?? NONE;
    // What was recorded while the lists were read is newer than what Redis said of it.
    const byId = new Map([...live.records, ...recorded.records].map((one) => [one.id, one]));
    const stops = [live.lookedTo, recorded.lookedTo].filter((id) => id !== null);
    return pageOf({ records: [...byId.values()], lookedTo: stops.toSorted().at(-1) ?? null }, limit);
  }

  /** Erases a finished job of this project everywhere. Fails with nothing erased while the database is away. */
  async erase(jobId: string, project: string): Promise<DeleteOutcome> {
    const { store, history, free } = this.deps;
    if (history === null) return store.delete(jobId, project);
    const live = await store.look(jobId);
    if (live !== null && !isTerminal(live.state)) return 'unfinished';
    const { found, idempotency } = await history.erase(jobId);
    const outcome = await store.delete(jobId, project);
    if (idempotency !== null) await free(idempotency);
    return outcome === 'missing' && found ? 'deleted' : outcome;
  }
}
