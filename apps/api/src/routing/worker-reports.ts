import type { CredentialView } from '#contracts/live-views.js';
import { readProcesses } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { LiveRegistry } from '#registry/live-registry.js';

/** What the workers say of themselves. */
export class WorkerReports {
  private workers = 0;

  constructor(
    private readonly redis: RedisClient,
    private readonly registry: LiveRegistry,
  ) {}

  /** Workers that were seen when they were last asked about. */
  get seen(): number {
    return this.workers;
  }

  /** The providers for which no worker has a credential. */
  async missingCredentials(): Promise<CredentialView> {
    const workers = (await readProcesses(this.redis)).filter((report) => report.role === 'worker');
    this.workers = workers.length;
    // Before the first worker has reported, nothing is known against anybody.
    if (workers.length === 0) return new Map();
    const readable = new Set(workers.flatMap((worker) => worker.credentials ?? []));
    const missing = this.registry.current.snapshot.providers.filter((provider) => !readable.has(provider.id));
    return new Map(missing.map((provider) => [provider.id, 'credential_missing']));
  }
}
