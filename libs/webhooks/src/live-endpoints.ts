import type { MadeEndpoint, MadeEndpoints } from '#contracts/webhook.js';
import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { SnapshotStore } from '#registry/snapshot-store.js';
import { documentId } from './endpoint-definition.js';

export interface LiveEndpointsOptions {
  redis: RedisClient;
  subscriber: RedisClient;
  onError: (error: unknown) => void;
  /** Between looks that no message caused. */
  pollMs?: number;
}

/** The snapshots of the endpoints that were made over the API, over this connection. */
export function endpointSnapshots(redis: RedisClient): SnapshotStore<MadeEndpoints> {
  return new SnapshotStore<MadeEndpoints>({
    redis,
    key: keys.webhookEndpoints(),
    channel: channels.webhookEndpoints(),
    // Made field by field in one order.
    write: (content) => JSON.stringify(content),
  });
}

/** The endpoints that were made over the API, as they are at this moment: a change is known within a second, mostly at once. */
export class LiveEndpoints {
  private readonly ended = new AbortController();
  private look: () => Promise<void> = () => Promise.resolve();
  private byId: ReadonlyMap<string, MadeEndpoint> = new Map();
  private byProject: ReadonlyMap<string, readonly MadeEndpoint[]> = new Map();
  /** False until anything was published: then nothing can be said of any endpoint. */
  isKnown = false;

  constructor(private readonly options: LiveEndpointsOptions) {}

  /** Resolves once the newest snapshot is here, if there is one; follows from then on. */
  async start(): Promise<void> {
    const { redis, subscriber, onError, pollMs } = this.options;
    this.look = await endpointSnapshots(redis).follow((snapshot) => this.accept(snapshot), {
      ...{ subscriber, onError, signal: this.ended.signal },
      ...(pollMs !== undefined && { pollMs }),
    });
  }

  /** Takes these in the place of all that were known. */
  accept({ endpoints }: MadeEndpoints): void {
    this.byId = new Map(endpoints.map((endpoint) => [documentId(endpoint.project, endpoint.id), endpoint]));
    this.byProject = Map.groupBy(endpoints, ({ project }) => project);
    this.isKnown = true;
  }

  /** Those of a project. */
  of(project: string): readonly MadeEndpoint[] {
    return this.byProject.get(project) ?? [];
  }

  find(project: string, endpoint: string): MadeEndpoint | null {
    return this.byId.get(documentId(project, endpoint)) ?? null;
  }

  /** Resolves once what is published at this moment is here; rejects when Redis cannot be asked. */
  async catchUp(): Promise<void> {
    await this.look();
  }

  stop(): void {
    this.ended.abort();
  }
}
