import { UNKNOWN_CONTEXTS, type ContextView } from '#contracts/live-views.js';
import { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { OutcomeReporter } from '#health/outcome-reporter.js';
import { AdminPauses } from '#limits/admin-pauses.js';
import { Leases } from '#limits/leases.js';
import { PoolLoads } from '#limits/pool-loads.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { Tickets } from '#limits/tickets.js';
import { HttpClient } from '#http/http-client.js';
import { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import { pino } from 'pino';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import { EndWaiter } from '#jobs/wait-for-end.js';
import { FIRST_BUILD } from '#jobs/graph-record.js';
import { answerCallId, type JobRecord, type NewJob } from '#jobs/job-record.js';
import type { JsonObject } from '#contracts/json.js';
import { keys } from '#platform/keys.js';
import { ExactCounts } from '#planner/exact-counts.js';
import { RoutePlanner } from '#planner/route-planner.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '#providers/provider-adapter.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { TokenCounter } from '#tokens/count-tokens.js';
import { GraphRole } from '../../../apps/worker/src/orchestrations/graph-role.js';
import { Admission } from '../../../apps/worker/src/pools/admission.js';
import { CallProvider } from '../../../apps/worker/src/pools/call-provider.js';
import { EndAttempt } from '../../../apps/worker/src/pools/end-attempt.js';
import { PausedQueues } from '../../../apps/worker/src/pools/paused-queues.js';
import { PoolSupervisor } from '../../../apps/worker/src/pools/pool-supervisor.js';
import { ProviderDirectory } from '../../../apps/worker/src/pools/provider-directory.js';
import { RunAttempt } from '../../../apps/worker/src/pools/run-attempt.js';
import { RunningAttempts } from '../../../apps/worker/src/pools/running-attempts.js';
import { reconcile, type PassReport } from '../../../apps/worker/src/reconciler/reconcile.js';
import type { RedisFixture } from './redis-fixture.js';
import { registryContent } from './registry-content.js';

export type Turn = (call: ProviderCall) => ProviderAnswer | Promise<ProviderAnswer>;

export const silent = pino({ level: 'silent' });

/** Takes 0.2 s to build, so the whole file shares it. */
const tokens = new TokenCounter();

/** Where the vendor's HTTP edge would be: answers each call by its turn, the last turn for all that follow. */
export class ScriptedAdapter implements ProviderAdapter {
  readonly calls: ProviderCall[] = [];
  inFlight = 0;
  mostInFlight = 0;

  constructor(private readonly turns: readonly Turn[]) {}

  async execute(call: ProviderCall): Promise<ProviderAnswer> {
    const turn = this.turns[Math.min(this.calls.length, this.turns.length - 1)];
    if (!turn) throw new RangeError('this test expects no call');
    this.calls.push(call);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    call.onSent?.();
    try {
      return await turn(call);
    } finally {
      this.inFlight -= 1;
    }
  }

  /** The upstream models asked, in order. */
  get asked(): string[] {
    return this.calls.map((call) => call.upstreamModel);
  }
}

export type RigParts = Partial<Pick<RedisFixture, 'redis' | 'attempts' | 'queues' | 'graphs' | 'unfinished'>>;

export interface WorkerRigOptions {
  adapter: ProviderAdapter;
  content?: SnapshotContent;
  concurrency?: number;
  served?: string[];
  env?: Record<string, string>;
  /** The windows that servers were found to have, by model id. */
  discovered?: ContextView;
  /** False: no pool is served, the test runs attempts itself. */
  pools?: boolean;
  /** False: no graph is taken. */
  graphs?: boolean;
  /** In place of the fixture's: a worker that shares no connection with the others. */
  parts?: RigParts;
}

export interface WorkerRig {
  registry: LiveRegistry;
  running: RunningAttempts;
  views: LiveViewsSource;
  runAttempt: RunAttempt;
  supervisor: PoolSupervisor;
  planner: RoutePlanner;
  publish: (content: SnapshotContent) => Promise<unknown>;
}

/** A worker in this process, put together as the worker's module does it, with connections of its own. */
export async function startWorkerRig(fixture: RedisFixture, options: WorkerRigOptions): Promise<WorkerRig> {
  const { parts = {} } = options;
  const { attempts = fixture.attempts, queues = fixture.queues, redis = fixture.redis } = parts;
  const { graphs = fixture.graphs, unfinished = fixture.unfinished } = parts;
  const subscriber = fixture.connect();
  const registry = new LiveRegistry({ redis, subscriber, onError: fixture.onError });
  const running = new RunningAttempts();
  await running.listen(subscriber);
  await registry.publish(options.content ?? registryContent());
  await registry.start();
  fixture.after(() => registry.stop());
  const directory = new ProviderDirectory(registry, { env: options.env ?? {}, configSecrets: new Map() });
  const adapterFor = (): ProviderAdapter => options.adapter;
  // Not started: nothing is probed, and every provider's first endpoint is lent.
  const endpoints = new VllmEndpoints({
    http: new HttpClient(),
    providers: () => registry.current.snapshot.providers,
    credentialOf: () => null,
    onChange: () => undefined,
  });
  const health = new HealthStore(redis);
  const pauses = new PoolPauses(redis);
  const adminPauses = new AdminPauses(redis);
  const { onError } = fixture;
  const views = new LiveViewsSource({
    ...{ health, pauses, adminPauses, loads: new PoolLoads(redis), onError, everyMs: 50 },
    snapshot: () => registry.current.snapshot,
    reports: () => ({
      credentials: directory.missingCredentials(),
      contextTokens: options.discovered ?? UNKNOWN_CONTEXTS,
    }),
  });
  const coolDownMsOf = (provider: string): number => directory.coolDownMs(provider);
  const outcomes = new OutcomeReporter({ health, pauses, views, onError, coolDownMsOf });
  await views.start();
  outcomes.start();
  fixture.after(async () => {
    views.stop();
    await outcomes.stop();
  });
  const exactCounts = new ExactCounts({
    http: new HttpClient(),
    stores: { env: {}, configSecrets: new Map() },
    onError,
  });
  const planner = new RoutePlanner({ registry, tokens, source: views, exactCounts });
  const graphRole = new GraphRole({ redis, graphs, unfinished, queues, planner, registry, logger: silent });
  const runAttempt = new RunAttempt({
    attempts,
    queues,
    running,
    outcomes,
    admission: new Admission({
      views,
      health,
      directory,
      tickets: new Tickets(redis),
      leases: new Leases(redis, onError),
    }),
    logger: silent,
    callProvider: new CallProvider({ directory, adapterFor, endpoints, attempts, tokens, logger: silent }),
    endAttempt: new EndAttempt({
      ...{ attempts, queues, directory, views, random: () => 0 },
      goOn: (graph) => graphRole.goOn(graph),
    }),
  });
  const pausedQueues = new PausedQueues({
    ...{ redis, pauses: adminPauses, queues, onError },
    pools: () => registry.current.pools().map(({ id }) => id),
    refresh: () => views.refresh(),
  });
  const supervisor = new PoolSupervisor({
    ...{ redis, queues, pauses, pausedQueues, logger: silent },
    process: (payload, taken) => runAttempt.run(payload, taken),
    stopRunning: () => running.stopAll('shutdown'),
    isLockedOut: (provider) => directory.isLockedOut(provider),
    served: options.served ?? null,
    concurrency: options.concurrency ?? 5,
  });
  pausedQueues.start();
  fixture.after(() => pausedQueues.stop());
  if (options.pools !== false) registry.onChange((version) => supervisor.follow(version));
  if (options.graphs !== false) graphRole.start();
  fixture.after(async () => {
    running.stopAll('shutdown');
    await supervisor.close();
    await graphRole.close();
  });
  return {
    registry,
    running,
    views,
    runAttempt,
    supervisor,
    planner,
    publish: (content) => registry.publish(content),
  };
}

/** Creates and enqueues, as the API does. */
export async function submit(fixture: RedisFixture, job: NewJob): Promise<NewJob> {
  const created = await fixture.store.create(job);
  if (job.graph !== null) {
    await fixture.graphQueue.enqueue(job.id, { build: FIRST_BUILD, priority: job.priority });
    return job;
  }
  await fixture.queues.enqueue(payloadOf(job), {
    pool: poolOf(job),
    ...(created.kind === 'created' && { turn: created.turn }),
    delayMs: job.notBefore === null ? 0 : job.notBefore - Date.now(),
  });
  return job;
}

export function payloadOf(job: Pick<NewJob, 'id'>, attempt = 1): AttemptPayload {
  return { jobId: job.id, callId: answerCallId(job.id), attempt };
}

export function poolOf(job: NewJob): string {
  return job.plan.candidates[0]?.pool ?? '';
}

/** The record once the job has ended; throws when it does not in time. */
export async function ended(fixture: RedisFixture, job: Pick<NewJob, 'id'>, timeoutMs = 30_000): Promise<JobRecord> {
  const { notices } = await fixture.notices(`api-${job.id}`);
  const notice = await new EndWaiter(fixture.store, notices).waitForEnd(job.id, { timeoutMs });
  if (notice === null) throw new Error(`${job.id} did not end: ${JSON.stringify(await fixture.store.read(job.id))}`);
  return read(fixture, job);
}

/** The record of a job that is known to exist. */
export async function read(fixture: RedisFixture, job: Pick<NewJob, 'id'>): Promise<JobRecord> {
  const record = await fixture.store.read(job.id);
  if (record === null) throw new Error(`there is no ${job.id}`);
  return record;
}

/** What the job's stream of events holds. */
export async function eventsOf(fixture: RedisFixture, job: Pick<NewJob, 'id'>): Promise<LoggedEvent[]> {
  const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
  return entries.map(([, [, type = '', , data = '{}']]) => ({ type, data: JSON.parse(data) as JsonObject }));
}

export interface LoggedEvent {
  type: string;
  data: JsonObject;
}

/** A reconciler pass. */
export function pass(fixture: RedisFixture): Promise<PassReport> {
  return reconcile({
    unfinished: fixture.unfinished,
    queues: fixture.queues,
    graphs: fixture.graphs,
    // Only a graph asks for it.
    get graphQueue() {
      return fixture.graphQueue;
    },
    logger: silent,
  });
}

/** Makes the reconciler look at this job in its next pass. */
export async function makeDue(fixture: RedisFixture, job: Pick<NewJob, 'id'>): Promise<void> {
  await fixture.redis.zadd(keys.unfinished(), 'XX', 0, job.id);
}
