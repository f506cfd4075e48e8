import { isTerminal, type JobState } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { HookTarget } from '#contracts/webhook.js';
import type { KeyCharge, KeyLevel, KeyRefusal } from '#contracts/key-limits.js';
import { channels, keys, prefixes } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { passesFilter } from './job-filter.js';
import { JobFinder, type FinderBounds, type FindOptions } from './job-finder.js';
import type { JobsFound } from './job-page.js';
import { parseGraphFields, stepCallId, stepEvent, type GraphPlan } from './graph-record.js';
import { answerCallId, newJobFields, parseJobRecord, type JobRecord, type NewJob } from './job-record.js';
import { loadJobScripts, type JobScripts } from './job-scripts.js';
import { chargeArgs, parseLevels } from './key-levels.js';
import { turnStep } from './turn.js';

/** How long after creation the reconciler first looks whether the job is really in its queue. */
export const FIRST_LOOK_MS = 15_000;

/** Where a history is kept, an idempotency key stands for its job for at least so long after the end. */
const REPLAY_MS = 24 * 3_600_000;

/** `full`: too much waits for the history to be recorded. `turn`: the place of its first attempt in the order of its pool; `levels`: how the limits of its key stand after it. */
export type CreateOutcome =
  | { kind: 'created'; turn: number; levels: KeyLevel[] }
  | { kind: 'replayed'; jobId: string; levels: KeyLevel[] }
  | { kind: 'limited'; refusal: KeyRefusal; levels: KeyLevel[] }
  | { kind: 'conflict' }
  | { kind: 'full' };
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
   * Writes the job and its call and charges its key, unless its idempotency key was used or a limit of its key has no room:
   * then nothing is written. Resolves only once Redis has it; rejects when Redis is away.
   */
  async create(job: NewJob): Promise<CreateOutcome> {
    const list = keys.projectJobs(job.project);
    const pool = job.plan.candidates[0]?.pool ?? '';
    const { graph } = job;
    const fields = newJobFields(job, list);
    const rules = chargeArgs(job.charges);
    const lookAt = Math.min(job.deadline, Math.max(job.createdAt, job.notBefore ?? 0) + FIRST_LOOK_MS);
    const first = graph?.first?.step;
    const noted = this.finder.note(job.project);
    const created = this.scripts.create(
      [
        keys.job(job.id),
        graph === null ? keys.call(answerCallId(job.id)) : keys.steps(job.id),
        keys.events(job.id),
        keys.unfinished(),
        list,
        job.idempotency?.key ?? keys.unfinished(),
        keys.poolOrder(pool),
        keys.poolWaiting(pool),
        keys.poolDelayed(pool),
        keys.call(stepCallId(job.id, first?.id ?? '', 1)),
        ...(rules.length === 0 ? [] : limitKeys(job)),
        ...(job.historyBytes === null ? [] : [keys.ledger(), keys.ledgerWaiting()]),
      ],
      [
        job.id,
        job.createdAt,
        lookAt,
        job.keep ? '1' : '0',
        job.idempotency?.fingerprint ?? '',
        // The key outlives the job by its retention: finishing sets its time to live anew.
        job.deadline - job.createdAt + Math.max(job.retainMs, job.historyBytes === null ? 0 : REPLAY_MS),
        `${job.project}/${job.key}/${job.priority}`,
        turnsOf(job),
        first ? stepEvent(first) : '',
        rules.length,
        job.historyBytes ?? '',
        ...rules,
        fields.job.length,
        ...fields.job,
        fields.work.length,
        ...fields.work,
        ...fields.firstCall,
      ],
    );
    const [reply] = await Promise.all([created, noted]);
    return parseCreateReply(reply as [CreateOutcome['kind'], ...unknown[]], job.charges);
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
    const [job, call] = await Promise.all([
      this.redis.hgetall(keys.job(jobId)),
      this.redis.hgetall(keys.call(answerCallId(jobId))),
    ]);
    if (job.steps !== undefined) return this.readGraph(jobId, job);
    return parseJobRecord(jobId, { job, calls: [{ id: answerCallId(jobId), fields: call }], steps: [] });
  }

  private async readGraph(jobId: string, job: Record<string, string>): Promise<JobRecord | null> {
    const fields = await this.redis.hgetall(keys.steps(jobId));
    const { steps } = parseGraphFields(fields);
    const ids = steps.flatMap(({ id, calls }) => Array.from({ length: calls }, (_, i) => stepCallId(jobId, id, i + 1)));
    const calls = await Promise.all(ids.map(async (id) => ({ id, fields: await this.redis.hgetall(keys.call(id)) })));
    return parseJobRecord(jobId, { job, calls, steps });
  }

  /** What a job was asked to do, for one that tries it again: its record must exist. */
  async readWork(jobId: string): Promise<JobWork> {
    const [request, plan, single, hooks] = await Promise.all([
      this.redis.hget(keys.steps(jobId), 'request'),
      this.redis.hget(keys.steps(jobId), 'plan'),
      this.redis.hget(keys.call(answerCallId(jobId)), 'request'),
      this.redis.hget(keys.job(jobId), 'hooks'),
    ]);
    return {
      request: JSON.parse(request ?? single ?? '{}') as JsonObject,
      graph: plan === null ? null : (JSON.parse(plan) as GraphPlan),
      hooks: hooks === null ? [] : (JSON.parse(hooks) as { targets: HookTarget[] }).targets,
    };
  }

  /** All that is worth keeping of a job that has ended; null when it is gone, or not over. */
  async readFinished(jobId: string): Promise<FinishedJob | null> {
    const [record, idempotency] = await Promise.all([
      this.read(jobId),
      this.redis.hget(keys.job(jobId), 'idempotency'),
    ]);
    if (record === null || !isTerminal(record.state)) return null;
    return { record, work: await this.readWork(jobId), idempotency };
  }

  /** How many bytes finished records take that wait for the recorder; 0 for one that is gone, or does not wait. */
  async heldBytes(jobIds: readonly string[]): Promise<number[]> {
    return Promise.all(jobIds.map(async (id) => Number(await this.redis.hget(keys.job(id), 'ledger_bytes'))));
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
   * bounded number of looks at the list.
   */
  async find(project: string | null, options: FindOptions): Promise<JobsFound> {
    const { ids, lookedTo } = await this.finder.find(project, options);
    const found = await Promise.all(ids.map((id) => this.read(id)));
    const { filter = {} } = options;
    const records = found.filter((record) => record !== null).filter((record) => passesFilter(record, filter));
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

  /** The history has it: its record may go when its time has come. False for one that was erased meanwhile. */
  async release(jobId: string): Promise<boolean> {
    const reply = await this.scripts.recorded(
      [keys.job(jobId), keys.call(answerCallId(jobId)), keys.events(jobId), keys.ledgerWaiting()],
      [jobId],
    );
    return reply === 'released';
  }

  /** Makes a process a waiter (told of the end) or a reader (told of each event); answers with the state at that moment. */
  async watch(jobId: string, processId: string, as: 'waiters' | 'readers'): Promise<JobState | null> {
    return (await this.scripts.watch([keys.job(jobId)], [processId, as])) as JobState | null;
  }
}

/** How far a job takes its key's line forward; nothing where its steps each see to that when they begin. */
function turnsOf({ graph, priority, share }: NewJob): number | '' {
  if (graph !== null && graph.first === null) return '';
  return turnStep(priority, share) * (graph?.plan.paidCalls ?? 1);
}

function limitKeys({ project, key }: { project: string; key: string }): string[] {
  return [keys.keyLevels(project, key), keys.keyJobs(project, key)];
}

function parseCreateReply(
  [kind, detail, ...figures]: [CreateOutcome['kind'], ...unknown[]],
  charges: readonly KeyCharge[],
): CreateOutcome {
  switch (kind) {
    case 'created':
      return { kind, turn: Number(detail), levels: parseLevels(charges, figures) };
    case 'replayed':
      return { kind, jobId: String(detail), levels: parseLevels(charges, figures) };
    case 'limited': {
      const [place, waitMs] = detail as [number, number];
      const charge = charges[place - 1];
      if (!charge) throw new RangeError(`rule ${place} of ${charges.length}`);
      return { kind, refusal: { charge, waitMs }, levels: parseLevels(charges, figures) };
    }
    case 'conflict':
    case 'full':
      return { kind };
  }
}
