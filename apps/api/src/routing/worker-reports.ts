import type { ContextView, CredentialView } from '#contracts/live-views.js';
import type { ReportedViews } from '#health/live-views-source.js';
import { readProcesses, type ProcessReport } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { LiveRegistry } from '#registry/live-registry.js';

/** What the workers say of themselves and of the servers that they see. */
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

  /** The providers for which no worker has a credential, and the smallest window that a worker found a model to have. */
  async read(): Promise<ReportedViews> {
    const workers = (await readProcesses(this.redis)).filter((report) => report.role === 'worker');
    this.workers = workers.length;
    return { credentials: this.missingCredentials(workers), contextTokens: smallestContexts(workers) };
  }

  private missingCredentials(workers: readonly ProcessReport[]): CredentialView {
    // Before the first worker has reported, nothing is known against anybody.
    if (workers.length === 0) return new Map();
    const readable = new Set(workers.flatMap((worker) => worker.credentials ?? []));
    const missing = this.registry.current.snapshot.providers.filter((provider) => !readable.has(provider.id));
    const lockedOut = new Set(workers.flatMap((worker) => worker.lockedOut ?? []));
    return new Map(missing.map(({ id }) => [id, lockedOut.has(id) ? 'vault_locked' : 'credential_missing']));
  }
}

/** Workers may see different servers behind one address; a request must fit any of them. */
function smallestContexts(workers: readonly ProcessReport[]): ContextView {
  const smallest = new Map<string, number>();
  for (const [model, window] of workers.flatMap(({ contextTokens }) => Object.entries(contextTokens ?? {}))) {
    smallest.set(model, Math.min(window, smallest.get(model) ?? Infinity));
  }
  return smallest;
}
