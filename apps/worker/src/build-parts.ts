/** How the parts of a worker are put together; `worker.module.ts` says which there are. */
import { randomUUID } from 'node:crypto';
import type { HealthStore } from '#health/health-store.js';
import { LiveViewsSource } from '#health/live-views-source.js';
import { OutcomeReporter } from '#health/outcome-reporter.js';
import type { HttpClient } from '#http/http-client.js';
import type { AttemptStore } from '#jobs/attempt-store.js';
import type { Graph } from '#jobs/graph-record.js';
import type { GraphStore } from '#jobs/graph-store.js';
import type { JobLists } from '#jobs/job-lists.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { AdminPauses } from '#limits/admin-pauses.js';
import type { Leases } from '#limits/leases.js';
import type { PoolLoads } from '#limits/pool-loads.js';
import type { PoolPauses } from '#limits/pool-pauses.js';
import type { Tickets } from '#limits/tickets.js';
import { ExactCounts } from '#planner/exact-counts.js';
import { RoutePlanner } from '#planner/route-planner.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import { adapterFor } from '#providers/adapters.js';
import type { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import type { KnownPools } from '#queues/known-pools.js';
import type { CredentialStores } from '#registry/credentials.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { TokenCounter } from '#tokens/count-tokens.js';
import type { Escrow } from '#vault/escrow.js';
import type { LiveVault } from '#vault/live-vault.js';
import { Admission } from './pools/admission.js';
import { CallProvider } from './pools/call-provider.js';
import { EndAttempt } from './pools/end-attempt.js';
import { GraphRole } from './orchestrations/graph-role.js';
import { PausedQueues } from './pools/paused-queues.js';
import { PoolSupervisor } from './pools/pool-supervisor.js';
import type { ProviderDirectory } from './pools/provider-directory.js';
import { RunAttempt } from './pools/run-attempt.js';
import type { RunningAttempts } from './pools/running-attempts.js';
import type { Places, ReconcilerProcessor } from './reconciler/reconciler.processor.js';
import { unservedPools } from './reconciler/unserved-pools.js';
import { WorkerLifecycle, type WorkerParts } from './worker-lifecycle.js';

/** How old what a worker knows of the moment may be; what it does itself it knows at once. */
const VIEWS_EVERY_MS = 500;

export function buildViews(
  ...[health, pauses, adminPauses, loads, registry, directory, endpoints, logger]: [
    HealthStore,
    PoolPauses,
    AdminPauses,
    PoolLoads,
    LiveRegistry,
    ProviderDirectory,
    VllmEndpoints,
    Logger,
  ]
): LiveViewsSource {
  return new LiveViewsSource({
    health,
    pauses,
    adminPauses,
    loads,
    snapshot: () => registry.current.snapshot,
    reports: () => ({
      credentials: directory.missingCredentials(),
      contextTokens: endpoints.contextTokensOf(registry.current.snapshot.models),
    }),
    everyMs: VIEWS_EVERY_MS,
    onError: (error) => logger.warn({ err: error }, 'live views'),
  });
}

export function buildOutcomes(
  ...[health, pauses, views, directory, logger]: [HealthStore, PoolPauses, LiveViewsSource, ProviderDirectory, Logger]
): OutcomeReporter {
  return new OutcomeReporter({
    health,
    pauses,
    views,
    coolDownMsOf: (provider) => directory.coolDownMs(provider),
    onError: (error) => logger.warn({ err: error }, 'outcomes'),
  });
}

export function buildAdmission(
  ...[views, health, tickets, leases, directory]: [LiveViewsSource, HealthStore, Tickets, Leases, ProviderDirectory]
): Admission {
  return new Admission({ views, health, tickets, leases, directory });
}

/** The project `default` is there without being declared. */
export function buildPlaces(
  ...[views, registry, directory, known, lists, graphs, graphQueue, runAttempt, config, vault]: [
    LiveViewsSource,
    LiveRegistry,
    ProviderDirectory,
    KnownPools,
    JobLists,
    GraphStore,
    GraphQueue,
    RunAttempt,
    TokenhubConfig,
    LiveVault,
  ]
): Places {
  return {
    ...{ views, lists, graphs, graphQueue },
    pools: () => registry.current.pools().map(({ id }) => id),
    unserved: () => unservedPools(registry.current, known, vault.status?.state !== 'unlocked'),
    poolOf: (model) => directory.poolOf(model),
    projects: [...new Set(['default', ...config.projects.map(({ id }) => id)])],
    contextTokensOf: (model) => directory.contextTokensOf(model, views.views),
    run: (payload, waiting) =>
      runAttempt.run(payload, { ...waiting, run: randomUUID(), lockLost: new AbortController().signal }),
  };
}

export function buildCallProvider(
  ...[attempts, directory, tokens, http, endpoints, logger]: [
    AttemptStore,
    ProviderDirectory,
    TokenCounter,
    HttpClient,
    VllmEndpoints,
    Logger,
  ]
): CallProvider {
  return new CallProvider({
    directory,
    adapterFor: (type) => adapterFor(type, http),
    endpoints,
    attempts,
    tokens,
    logger,
  });
}

export function buildEndAttempt(
  ...[attempts, queues, directory, views, graphs]: [
    AttemptStore,
    AttemptQueues,
    ProviderDirectory,
    LiveViewsSource,
    GraphRole,
  ]
): EndAttempt {
  const goOn = (graph: Graph): Promise<void> => graphs.goOn(graph);
  return new EndAttempt({ attempts, queues, directory, views, random: Math.random, goOn });
}

export function buildRunAttempt(
  ...[attempts, queues, running, admission, outcomes, callProvider, endAttempt, logger]: [
    AttemptStore,
    AttemptQueues,
    RunningAttempts,
    Admission,
    OutcomeReporter,
    CallProvider,
    EndAttempt,
    Logger,
  ]
): RunAttempt {
  return new RunAttempt({ attempts, queues, running, admission, outcomes, callProvider, endAttempt, logger });
}

export function buildPausedQueues(
  ...[redis, pauses, queues, registry, views, logger]: [
    RedisClient,
    AdminPauses,
    AttemptQueues,
    LiveRegistry,
    LiveViewsSource,
    Logger,
  ]
): PausedQueues {
  return new PausedQueues({
    ...{ redis, pauses, queues },
    pools: () => registry.current.pools().map(({ id }) => id),
    refresh: () => views.refresh(),
    onError: (error) => logger.warn({ err: error }, 'pauses of administrators'),
  });
}

export function buildPoolSupervisor(
  ...[redis, queues, pauses, pausedQueues, runAttempt, running, directory, config, logger]: [
    RedisClient,
    AttemptQueues,
    PoolPauses,
    PausedQueues,
    RunAttempt,
    RunningAttempts,
    ProviderDirectory,
    TokenhubConfig,
    Logger,
  ]
): PoolSupervisor {
  return new PoolSupervisor({
    ...{ redis, queues, pauses, pausedQueues, logger },
    process: (payload, taken) => runAttempt.run(payload, taken),
    stopRunning: () => running.stopAll('shutdown'),
    isLockedOut: (provider) => directory.isLockedOut(provider),
    served: config.worker.pools,
    concurrency: config.worker.concurrency,
  });
}

export function buildPresence(
  ...[redis, processId, registry, directory, endpoints, pools, vault, logger]: [
    RedisClient,
    string,
    LiveRegistry,
    ProviderDirectory,
    VllmEndpoints,
    PoolSupervisor,
    LiveVault,
    Logger,
  ]
): Presence {
  const startedAt = Date.now();
  return new Presence(
    redis,
    processId,
    () => ({
      role: 'worker',
      startedAt,
      registry: registry.current.version,
      credentials: directory.readableProviders(),
      lockedOut: directory.lockedOutProviders(),
      vaultEpoch: vault.holds,
      pools: pools.pools,
      contextTokens: Object.fromEntries(endpoints.contextTokensOf(registry.current.snapshot.models)),
    }),
    (error) => logger.warn({ err: error }, 'presence'),
  );
}

export function buildPlanner(
  ...[registry, tokens, source, http, stores, logger]: [
    LiveRegistry,
    TokenCounter,
    LiveViewsSource,
    HttpClient,
    CredentialStores,
    Logger,
  ]
): RoutePlanner {
  const exactCounts = new ExactCounts({
    http,
    stores,
    onError: (error) => logger.debug({ err: error }, 'exact counts'),
  });
  return new RoutePlanner({ registry, tokens, source, exactCounts });
}

export function buildGraphRole(
  ...[redis, graphs, unfinished, queues, planner, registry, logger]: [
    RedisClient,
    GraphStore,
    UnfinishedJobs,
    AttemptQueues,
    RoutePlanner,
    LiveRegistry,
    Logger,
  ]
): GraphRole {
  return new GraphRole({ redis, graphs, unfinished, queues, planner, registry, logger });
}

export function buildLifecycle(
  ...[registry, pools, pausedQueues, graphs, graphQueue, running, presence, ...rest]: [
    LiveRegistry,
    PoolSupervisor,
    PausedQueues,
    GraphRole,
    GraphQueue,
    RunningAttempts,
    Presence,
    AttemptQueues,
    HttpClient,
    VllmEndpoints,
    LiveViewsSource,
    OutcomeReporter,
    RedisClient,
    LiveVault,
    Escrow,
    ReconcilerProcessor,
  ]
): WorkerLifecycle {
  const [queues, http, endpoints, views, outcomes, subscriber, vault, escrow, reconciler] = rest;
  const parts: WorkerParts = {
    ...{ registry, pools, pausedQueues, graphs, graphQueue, running, presence, queues },
    ...{ http, endpoints, views, outcomes, subscriber, vault, escrow, reconciler },
  };
  return new WorkerLifecycle(parts);
}
