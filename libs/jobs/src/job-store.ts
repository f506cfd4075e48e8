import type { JobState } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { HookTarget } from '#contracts/webhook.js';
import type { KeyCharge, KeyLevel } from '#contracts/key-limits.js';
import { channels, keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import {
  createArgs,
  createKeys,
  limitKeys,
  parseCreateReply,
  type CreateOutcome,
  type CreateReply,
} from './create-job.js';
import { passesFilter } from './job-filter.js';
import { JobFinder, type FinderBounds, type FindOptions } from './job-finder.js';
import { PAGE_BYTES, type JobsFound } from './job-page.js';
import { parseGraphFields, stepCallId, type GraphPlan } from './graph-record.js';
import { answerCallId, parseJobRecord, textLength, type JobRecord, type NewJob } from './job-record.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';
import { chargeArgs, parseLevels } from './key-levels.js';

export type CancelOutcome = 'missing' | 'finished' | 'cancelled' | 'requested';
export type DeleteOutcome = 'missing' | 'unfinished' | 'deleted';

export interface JobWork {
  /** OpenAI-shaped. */
  request: JsonObject;
  /** Null for a job of one call. */
  graph: GraphPlan | null;
  hooks: HookTarget[];
}

/** All that is worth keeping of a job that has ended. */
export interface FinishedJob {
  record: JobRecord;
  work: JobWork;
  /** The Redis key of its idempotency key; null when it had none. */
  idempotency: string | null;
}

/** Records of a page that are read together: of the largest there may be so many more than a page has room for. */
const READ_AT_ONCE = 10;

/** The API's side of the job record: create, read, list, cancel, delete. Every change is one script. */
export class JobStore {
  private readonly scripts: JobScripts;
  private readonly finder: JobFinder;

  constructor(
    private readonly redis: RedisClient,
    bounds?: FinderBounds,
  ) {
    this.scripts = loadJobScripts(redis);
    this.finder = new JobFinder(redis, bounds);
  }

  /**
   * Writes the job and its call and charges its key, unless its idempotency key was used or a budget or limit of its key has no room:
   * then nothing is written. Resolves only once Redis has it; rejects when Redis is away.
   */
  async create(job: NewJob): Promise<CreateOutcome> {
    const noted = this.finder.note(job.project);
    const created = this.scripts.create(createKeys(job), createArgs(job));
    const [reply] = await Promise.all([created, noted]);
    return parseCreateReply(reply as CreateReply, job);
  }

  /** How the limits of a key stand; charges nothing. */
  async keyLevels(owner: { project: string; key: string }, charges: readonly KeyCharge[]): Promise<KeyLevel[]> {
    if (charges.length === 0) return [];
    return parseLevels(charges, (await this.scripts['key-levels'](limitKeys(owner), chargeArgs(charges))) as unknown[]);
  }

  /** The job that an idempotency key stands for, and the fingerprint of the body that it was created with. */
  async findByIdempotencyKey(key: string): Promise<{ jobId: string; fingerprint: string } | null> {
    const taken = await this.redis.get(key);
    if (taken === null) return null;
    const [jobId = '', fingerprint = ''] = taken.split(' ');
    return { jobId, fingerprint };
  }

  /** The whole record, or null when there is no such job (any more). */
  async read(jobId: string): Promise<JobRecord | null> {
    return recordOf(jobId, await this.readHashes(jobId, (key) => this.readWithout('request', key)));
  }

  /** What `read` gives; or, of a job whose result has more bytes than these, the record without result, attempts and steps: `brief`. */
  async readUpTo(jobId: string, resultBytes: number): Promise<JobRecord | null> {
    const length = await this.redis.hstrlen(keys.job(jobId), 'result');
    if (length <= resultBytes) return this.read(jobId);
    const job = await this.readWithout('result', keys.job(jobId));
    const record = recordOf(jobId, { job, calls: [], graph: null });
    return record && { ...record, brief: true };
  }

  private async readWithout(field: string, key: string): Promise<Record<string, string>> {
    const flat = (await this.scripts['read-fields']([key], [field])) as string[];
    return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
  }

  /** What a job was asked to do, for one that tries it again: its record must exist. */
  async readWork(jobId: string): Promise<JobWork> {
    return workOf(await this.readHashes(jobId));
  }

  /** All that is worth keeping of a job that waits for the recorder; null when it is gone, not over or has been released. */
  async readFinished(jobId: string): Promise<FinishedJob | null> {
    const hashes = await this.readHashes(jobId);
    const record = hashes.job.ledger_bytes === undefined ? null : recordOf(jobId, hashes);
    if (record === null) return null;
    return { record, work: workOf(hashes), idempotency: hashes.job.idempotency ?? null };
  }

  /** `readCall` reads a call or the steps of a graph. */
  private async readHashes(
    jobId: string,
    readCall = (key: string): Promise<Record<string, string>> => this.redis.hgetall(key),
  ): Promise<JobHashes> {
    const id = answerCallId(jobId);
    const [job, call] = await Promise.all([this.redis.hgetall(keys.job(jobId)), readCall(keys.call(id))]);
    if (job.steps === undefined) return { job, calls: [{ id, fields: call }], graph: null };
    const graph = await readCall(keys.steps(jobId));
    const ids = parseGraphFields(graph).steps.flatMap((step) =>
      Array.from({ length: step.calls }, (_, i) => stepCallId(jobId, step.id, i + 1)),
    );
    const calls = await Promise.all(ids.map(async (one) => ({ id: one, fields: await readCall(keys.call(one)) })));
    return { job, calls, graph };
  }

  /** The project that a job belongs to and its state: what a door needs to know before it lets anybody at it. */
  async look(jobId: string): Promise<{ project: string; state: JobState } | null> {
    const [project, state] = await this.redis.hmget(keys.job(jobId), 'project', 'state');
    return project == null || state == null ? null : { project, state: state as JobState };
  }

  /** True for a job that a client can come back to: asynchronous, or with an idempotency key. */
  async isKept(jobId: string): Promise<boolean> {
    return (await this.redis.hget(keys.job(jobId), 'keep')) === '1';
  }

  /**
   * The newest jobs of a project, or (null) of all, after `after` that pass the filter; as many as are wanted, or as are found within a
   * bounded number of looks at the list and a bounded number of bytes.
   */
  async find(project: string | null, options: FindOptions): Promise<JobsFound> {
    const { ids, lookedTo } = await this.finder.find(project, options);
    const { filter = {} } = options;
    const records: JobRecord[] = [];
    for (let [read, bytes] = [0, 0]; read < ids.length; read += READ_AT_ONCE) {
      if (bytes >= PAGE_BYTES) return { records, lookedTo: ids[read - 1] ?? null };
      const found = await Promise.all(ids.slice(read, read + READ_AT_ONCE).map((id) => this.read(id)));
      records.push(...found.filter((record) => record !== null).filter((record) => passesFilter(record, filter)));
      bytes = records.reduce((sum, record) => sum + textLength(record), 0);
    }
    return { records, lookedTo };
  }

  /** Cancels at once, or asks the worker that runs the job to stop. */
  async cancel(jobId: string): Promise<CancelOutcome> {
    const reply = await this.scripts.cancel(
      [keys.job(jobId), keys.call(answerCallId(jobId)), keys.events(jobId), keys.unfinished()],
      [jobId, prefixes.toProcess, channels.stops()],
    );
    return reply as CancelOutcome;
  }

  /** Erases a finished job of this project: record, call, events, place in the list, idempotency key. */
  async delete(jobId: string, project: string): Promise<DeleteOutcome> {
    const reply = await this.scripts.delete(
      [keys.job(jobId), keys.call(answerCallId(jobId)), keys.events(jobId), keys.projectJobs(project)],
      [jobId],
    );
    return reply as DeleteOutcome;
  }

  /** The history has them: their records may go when their time has come. One that was erased meanwhile stays away. */
  async release(jobIds: readonly string[]): Promise<void> {
    await this.endWaiting(jobIds, false);
  }

  /** The history does not take it: its record waits no more, and stays for 24 times the hot window. */
  async releaseRefused(jobId: string): Promise<void> {
    await this.endWaiting([jobId], true);
  }

  private async endWaiting(jobIds: readonly string[], refused: boolean): Promise<void> {
    if (jobIds.length === 0) return;
    const ofJob = (id: string): string[] => [keys.job(id), keys.call(answerCallId(id)), keys.events(id)];
    await this.scripts.recorded([keys.ledgerWaiting(), ...jobIds.flatMap(ofJob)], [refused ? '1' : '', ...jobIds]);
  }

  /** Makes a process a waiter (told of the end) or a reader (told of each event); answers with the state at that moment. */
  async watch(jobId: string, processId: string, as: 'waiters' | 'readers'): Promise<JobState | null> {
    return (await this.scripts.watch([keys.job(jobId)], [processId, as])) as JobState | null;
  }
}

/** A job as Redis has it: hashes of texts. */
interface JobHashes {
  job: Record<string, string>;
  calls: { id: string; fields: Record<string, string> }[];
  /** Null for a job of one call. */
  graph: Record<string, string> | null;
}

function recordOf(jobId: string, { job, calls, graph }: JobHashes): JobRecord | null {
  return parseJobRecord(jobId, { job, calls, steps: graph === null ? [] : parseGraphFields(graph).steps });
}

function workOf({ job, calls, graph }: JobHashes): JobWork {
  return {
    request: JSON.parse((graph ?? calls[0]?.fields)?.request ?? '{}') as JsonObject,
    graph: graph?.plan === undefined ? null : (JSON.parse(graph.plan) as GraphPlan),
    hooks: job.hooks === undefined ? [] : (JSON.parse(job.hooks) as { targets: HookTarget[] }).targets,
  };
}
