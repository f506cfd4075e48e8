import type { JobState } from '#contracts/job-state.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { DeleteOutcome, JobPage, JobStore, JobWork, ListOptions } from '#jobs/job-store.js';
import { isTerminal } from '#contracts/job-state.js';
import type { JobFilter, JobHistory } from './job-history.js';

export interface KeptJobsDeps {
  store: JobStore;
  /** Null where none is kept: then Redis has all there is. */
  history: JobHistory | null;
  /** Frees an idempotency key whose job is gone. */
  free: (idempotencyKey: string) => Promise<unknown>;
}

/**
 * Jobs wherever they are: in Redis while they are unfinished, wait for the recorder or are hot, and in the history from their recording
 * on. Redis is always asked first: a job leaves it only after the history has it, so that there is no moment in which it is nowhere.
 */
export class KeptJobs {
  constructor(private readonly deps: KeptJobsDeps) {}

  /** False: lists have what Redis has, and cannot be filtered. */
  get hasHistory(): boolean {
    return this.deps.history !== null;
  }

  /** The whole record, or null when there is no such job. */
  async read(jobId: string): Promise<JobRecord | null> {
    const { store, history } = this.deps;
    return (await store.read(jobId)) ?? (await history?.read(jobId))?.record ?? null;
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
    const kept = live === null ? await history?.read(jobId) : null;
    return kept?.work ?? store.readWork(jobId);
  }

  /** A project's jobs that pass the filter, newest first, from the one after `after`; each once. */
  async list(project: string, { after, limit }: ListOptions, filter: JobFilter = {}): Promise<JobPage> {
    const { store, history } = this.deps;
    if (history === null) return store.list(project, { after, limit });
    // In this order: what the recorder takes out of Redis's list meanwhile is in the history by then.
    const live = await store.list(project, { after, limit: limit + 1, matches: (record) => matches(record, filter) });
    const recorded = await history.list(project, { after: after?.id ?? null, limit: limit + 1, filter });
    // What was recorded while the lists were read is newer than what Redis said of it.
    const byId = new Map([...live.records, ...recorded.map(({ record }) => record)].map((one) => [one.id, one]));
    const records = [...byId.values()].toSorted((a, b) => (a.id > b.id ? -1 : 1));
    return { records: records.slice(0, limit), hasMore: records.length > limit };
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

function matches(record: JobRecord, { state, type, model, key, metadata = {} }: JobFilter): boolean {
  return (
    (state === undefined || record.state === state) &&
    (type === undefined || record.type === type) &&
    (model === undefined || record.model === model) &&
    (key === undefined || record.key === key) &&
    Object.entries(metadata).every(([name, value]) => record.metadata[name] === value)
  );
}
