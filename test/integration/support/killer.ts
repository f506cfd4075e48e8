import { AttemptStore } from '#jobs/attempt-store.js';
import { GraphStore } from '#jobs/graph-store.js';
import { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import type { RedisFixture } from './redis-fixture.js';
import type { RigParts } from './worker-rig.js';

/** What a part is asked to do, about which job and which of its steps. */
export interface Moment {
  /** `graphs.openCall` and the like. */
  at: string;
  when: 'before' | 'after';
  jobId: string;
  step: string | null;
}

/** Stands between a worker and its parts, and decides at each moment whether the worker goes on. */
export class Interceptor {
  constructor(private readonly onMoment: (moment: Moment) => Promise<void>) {}

  /** The part with every call of it announced before it is made and after it has answered. */
  wrap<T extends object>(name: string, part: T): T {
    return new Proxy(part, {
      get: (target, key) => {
        const value = Reflect.get(target, key) as unknown;
        if (typeof value !== 'function' || typeof key === 'symbol') return value;
        return async (...args: unknown[]) => {
          const about = { at: `${name}.${key}`, ...subjectOf(args) };
          await this.onMoment({ ...about, when: 'before' });
          const answer = (await Reflect.apply(value, target, args)) as unknown;
          await this.onMoment({ ...about, when: 'after' });
          return answer;
        };
      },
    });
  }
}

/** The job and step that a call of a store or a queue is about. */
function subjectOf([first, second, third]: unknown[]): Pick<Moment, 'jobId' | 'step'> {
  const { jobId, callId, step } = (typeof first === 'string' ? { jobId: first } : first) as Record<string, string>;
  if (jobId === undefined) return { jobId: '', step: null };
  // A call's id begins with its job's and goes on with its step's.
  if (callId !== undefined) return { jobId, step: callId.slice(jobId.length + 1) };
  const named = (second ?? third) as { id?: string } | undefined;
  return { jobId, step: step ?? named?.id ?? null };
}

/** Holds whoever comes until all are let go with an error, as nobody goes on after kill -9; whoever comes later gets it at once. */
export class Grave {
  private readonly buried: ((error: Error) => void)[] = [];
  private isClear = false;

  get size(): number {
    return this.buried.length;
  }

  lay(): Promise<never> {
    if (this.isClear) return Promise.reject(killed());
    return new Promise((_resolve, reject) => this.buried.push(reject));
  }

  clear(): void {
    this.isClear = true;
    for (const reject of this.buried.splice(0)) reject(killed());
  }
}

const killed = (): Error => new Error('killed');

/** The parts of a worker with connections of its own, each moment of which is announced. */
export function announcedParts(fixture: RedisFixture, interceptor: Interceptor): Required<RigParts> {
  const redis = fixture.connect();
  const queues = new AttemptQueues(redis, fixture.onError);
  fixture.after(() => queues.close());
  return {
    redis,
    unfinished: new UnfinishedJobs(redis),
    attempts: interceptor.wrap('attempts', new AttemptStore(redis)),
    queues: interceptor.wrap('queues', queues),
    graphs: interceptor.wrap('graphs', new GraphStore(redis)),
  };
}
