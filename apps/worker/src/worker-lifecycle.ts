import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { OutcomeReporter } from '#health/outcome-reporter.js';
import type { HttpClient } from '#http/http-client.js';
import type { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { VllmEndpoints } from '#providers/vllm/vllm-endpoints.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { Escrow } from '#vault/escrow.js';
import type { LiveVault } from '#vault/live-vault.js';
import type { GraphRole } from './orchestrations/graph-role.js';
import type { PausedQueues } from './pools/paused-queues.js';
import type { PoolSupervisor } from './pools/pool-supervisor.js';
import type { RunningAttempts } from './pools/running-attempts.js';
import type { ReconcilerProcessor } from './reconciler/reconciler.processor.js';

export interface WorkerParts {
  registry: LiveRegistry;
  pools: PoolSupervisor;
  pausedQueues: PausedQueues;
  graphs: GraphRole;
  reconciler: Pick<ReconcilerProcessor, 'start' | 'close'>;
  graphQueue: GraphQueue;
  running: RunningAttempts;
  presence: Presence;
  queues: AttemptQueues;
  http: HttpClient;
  endpoints: VllmEndpoints;
  views: LiveViewsSource;
  outcomes: OutcomeReporter;
  subscriber: RedisClient;
  vault: LiveVault;
  escrow: Escrow;
}

/** The order in which a worker's parts start and end. */
export class WorkerLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(private readonly parts: WorkerParts) {}

  /** Hears about cancellations before it takes the first attempt. */
  async onApplicationBootstrap(): Promise<void> {
    const { running, registry, pools, pausedQueues, graphs, presence } = this.parts;
    const { subscriber, endpoints, views, outcomes, vault, escrow } = this.parts;
    await running.listen(subscriber);
    await registry.start();
    endpoints.start();
    await views.start();
    // What an administrator paused stays paused, even where a queue has forgotten it.
    await pausedQueues.follow();
    pausedQueues.start();
    outcomes.start();
    // Before the first look at what can be read: no arrival of a key or a secret falls in between.
    vault.onChange(this.onVaultChange);
    escrow.onChange(this.onVaultChange);
    registry.onChange((changed) => pools.follow(changed));
    graphs.start();
    await presence.start();
    // Which credentials can be read follows the registry at once, which pools are served a moment later.
    registry.onChange(presence.tell);
    registry.onChange(() => void pools.settled().then(presence.tell));
    // Last: it moves, fails and expires by what all the others know.
    await this.parts.reconciler.start();
  }

  /** Takes no more work, ends or gives back what runs, then lets go of everything else. */
  async onModuleDestroy(): Promise<void> {
    const { registry, pools, pausedQueues, graphs, graphQueue, presence } = this.parts;
    const { queues, http, endpoints, views, outcomes } = this.parts;
    await this.parts.reconciler.close();
    registry.stop();
    await pausedQueues.stop();
    await pools.close();
    await graphs.close();
    views.stop();
    await outcomes.stop();
    await presence.stop();
    await Promise.all([queues.close(), graphQueue.close()]);
    await endpoints.stop();
    await http.close();
  }

  /** Which secrets can be read decides which pools are served and where jobs may go. */
  private readonly onVaultChange = (): void => {
    const { registry, pools, presence, views } = this.parts;
    pools.follow(registry.current);
    presence.tell();
    views.look();
    void pools.settled().then(presence.tell);
  };
}
