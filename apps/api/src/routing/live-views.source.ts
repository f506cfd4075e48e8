import type { Logger } from '#platform/logging.js';
import { readProcesses } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { UNKNOWN_HEALTH, UNKNOWN_LOAD, type CredentialView, type LiveViews } from '#routing/live-views.js';

const REFRESH_MS = 2_000;

/** What routing knows of the moment, refreshed every two seconds: which providers no worker has a credential for. */
export class LiveViewsSource {
  private timer: NodeJS.Timeout | undefined;
  private credentials: CredentialView = new Map();
  private workers = 0;

  constructor(
    private readonly redis: RedisClient,
    private readonly registry: LiveRegistry,
    private readonly logger: Logger,
  ) {}

  get views(): LiveViews {
    return { health: UNKNOWN_HEALTH, load: UNKNOWN_LOAD, credentials: this.credentials };
  }

  /** Workers that were seen at the last refresh. */
  get workersSeen(): number {
    return this.workers;
  }

  async start(): Promise<void> {
    this.timer = setInterval(() => {
      // The old view serves until Redis answers again.
      this.refresh().catch((error: unknown) => this.logger.debug({ err: error }, 'live views'));
    }, REFRESH_MS);
    await this.refresh();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async refresh(): Promise<void> {
    const workers = (await readProcesses(this.redis)).filter((report) => report.role === 'worker');
    this.workers = workers.length;
    // Before the first worker has reported, nothing is known against anybody.
    if (workers.length === 0) {
      this.credentials = new Map();
      return;
    }
    const readable = new Set(workers.flatMap((worker) => worker.credentials ?? []));
    const missing = this.registry.current.snapshot.providers.filter((provider) => !readable.has(provider.id));
    this.credentials = new Map(missing.map((provider) => [provider.id, 'credential_missing']));
  }
}
