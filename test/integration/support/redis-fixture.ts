import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { AttemptStore, type BeginReply, type Run } from '#jobs/attempt-store.js';
import { GraphStore } from '#jobs/graph-store.js';
import { JobStore } from '#jobs/job-store.js';
import { Notices } from '#jobs/notices.js';
import { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { GraphQueue } from '#queues/graph-queue.js';
import { startRedis, type RedisServer } from '#testing/redis-harness.js';

/** One Redis for a spec file, emptied before each test; what a test opens on it is closed after the test. */
export class RedisFixture {
  private server: RedisServer | undefined;
  private knownGraphQueue: GraphQueue | undefined;
  private readonly cleanups: (() => void | Promise<void>)[] = [];
  /** What background work reported through `onError`; tests that break nothing expect none. */
  readonly errors: unknown[] = [];
  redis!: RedisClient;
  store!: JobStore;
  attempts!: AttemptStore;
  unfinished!: UnfinishedJobs;
  queues!: AttemptQueues;
  graphs!: GraphStore;

  constructor() {
    beforeAll(async () => {
      this.server = await startRedis({ appendfsync: 'no' });
    });
    beforeEach(() => this.open());
    afterEach(() => this.close());
    afterAll(() => this.server?.stop());
  }

  /** One more connection, as a process of its own would have. */
  connect(): RedisClient {
    const client = connectRedis({ kind: 'single', url: this.server?.url ?? '' }, { name: 'test', whenAway: 'wait' });
    // A connection that a test breaks reports it here; what follows from it is asserted.
    client.on('error', () => undefined);
    this.after(() => client.disconnect());
    return client;
  }

  /** The notices of an API process of this name, with a subscriber of its own. */
  async notices(processId: string): Promise<{ notices: Notices; subscriber: RedisClient }> {
    const subscriber = this.connect();
    const notices = new Notices(subscriber, processId, this.onError);
    await notices.start();
    return { notices, subscriber };
  }

  /** Begins and starts an attempt in the pool that `newJob` asks for first. */
  begin(run: Run): Promise<BeginReply> {
    return this.attempts.begin(run, { pool: 'acme', turn: 1, start: true });
  }

  /** Made when it is first asked for: BullMQ writes a key of its own for each queue. */
  get graphQueue(): GraphQueue {
    if (!this.knownGraphQueue) {
      const queue = new GraphQueue(this.redis, this.onError);
      this.knownGraphQueue = queue;
      this.after(() => queue.close());
    }
    return this.knownGraphQueue;
  }

  /** Runs after the test, the last registered first. */
  after(cleanup: () => void | Promise<void>): void {
    this.cleanups.push(cleanup);
  }

  readonly onError = (error: unknown): void => {
    this.errors.push(error);
  };

  /** Every key with its content as text and the time at which it expires (-1: never): equal exactly when nothing changed. */
  async snapshot(): Promise<Record<string, string>> {
    const all = (await this.redis.keys('*')).toSorted();
    const entries = all.map(async (key): Promise<[string, string]> => {
      const [content, expires] = await Promise.all([this.contentOf(key), this.redis.call('PEXPIRETIME', key)]);
      return [key, `${JSON.stringify(content)} ${String(expires)}`];
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Not `DUMP`: the order of a hash's fields in it may change without a write. */
  private async contentOf(key: string): Promise<unknown> {
    const type = await this.redis.type(key);
    switch (type) {
      case 'string':
        return this.redis.get(key);
      case 'hash':
        return Object.entries(await this.redis.hgetall(key)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      case 'zset':
        return this.redis.zrange(key, 0, '-1', 'WITHSCORES');
      case 'stream':
        return this.redis.xrange(key, '-', '+');
      case 'list':
        return this.redis.lrange(key, 0, '-1');
      case 'set':
        return (await this.redis.smembers(key)).toSorted();
      default:
        throw new TypeError(`${key} is a ${type}`);
    }
  }

  private async open(): Promise<void> {
    this.errors.length = 0;
    this.redis = this.connect();
    await this.redis.flushall();
    this.store = new JobStore(this.redis);
    this.attempts = new AttemptStore(this.redis);
    this.unfinished = new UnfinishedJobs(this.redis);
    this.queues = new AttemptQueues(this.redis, this.onError);
    this.graphs = new GraphStore(this.redis);
    this.knownGraphQueue = undefined;
    this.after(() => this.queues.close());
  }

  private async close(): Promise<void> {
    for (const cleanup of this.cleanups.splice(0).reverse()) await cleanup();
  }
}
