import type { Server } from 'node:http';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { HttpClient } from '#http/http-client.js';
import type { Notices } from '#jobs/notices.js';
import type { Presence } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import type { LiveKeys } from '#registry/live-keys.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import type { SettingsPublisher } from '#settings/settings-publisher.js';
import type { LiveVault } from '#vault/live-vault.js';
import type { LiveEndpoints } from '#webhooks/live-endpoints.js';

export interface ApiParts {
  /** Of what is declared and set: one for each snapshot. */
  publishers: readonly Pick<SettingsPublisher<object>, 'start' | 'publish' | 'stop'>[];
  redis: RedisClient;
  registry: LiveRegistry;
  keys: LiveKeys;
  endpoints: LiveEndpoints;
  notices: Notices;
  presence: Presence;
  views: LiveViewsSource;
  queues: AttemptQueues;
  graphQueue: GraphQueue;
  vault: LiveVault;
  /** What calls others. */
  clients: readonly HttpClient[];
  /** Known once the application listens. */
  server: () => Server;
}

/** How long a shutdown waits for requests under way. */
const DRAIN_MS = 10_000;

/** The order in which an API process's parts start and end. */
export class ApiLifecycle implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(private readonly parts: ApiParts) {}

  /** Publishes what is declared and set, and hears what it will be asked to wait for, before the first request. */
  async onApplicationBootstrap(): Promise<void> {
    const { publishers, registry, keys, endpoints, notices, presence, views, redis, vault } = this.parts;
    for (const publisher of publishers) await publisher.start();
    await registry.start();
    await keys.start();
    await endpoints.start();
    await notices.start();
    await presence.start();
    await views.start();
    vault.onChange(presence.tell);
    redis.on('ready', this.publishAgain);
  }

  /** Takes no more requests, lets those under way end for a while, then lets go of everything else. */
  async onModuleDestroy(): Promise<void> {
    await this.drain();
    const { registry, keys, endpoints, presence, views, queues, graphQueue, clients, redis } = this.parts;
    redis.off('ready', this.publishAgain);
    await Promise.all(this.parts.publishers.map((publisher) => publisher.stop()));
    views.stop();
    registry.stop();
    keys.stop();
    endpoints.stop();
    await presence.stop();
    await Promise.all([queues.close(), graphQueue.close()]);
    await Promise.all(clients.map((client) => client.close()));
  }

  /** Requests that are cut off cancel their jobs, as if their clients had left; so Redis must still be there. */
  private async drain(): Promise<void> {
    const server = this.parts.server();
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearTimeout(cut);
  }

  /** A Redis that returns may have lost what was published; equal content changes nothing. */
  private readonly publishAgain = (): void => {
    for (const publisher of this.parts.publishers) void publisher.publish();
  };
}
