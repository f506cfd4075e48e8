import type { Model, Provider } from '#contracts/registry-snapshot.js';
import type { HttpClient } from '#http/http-client.js';
import { ProviderError } from '../provider-error.js';
import { EndpointSet, type EndpointLease, type EndpointStatus } from './endpoint-set.js';
import { judgeEndpoint } from './judge-endpoint.js';
import { probeEndpoint, type ProbeReport } from './probe-endpoint.js';

export interface VllmEndpointsOptions {
  http: HttpClient;
  /** The providers of the moment, of every type. */
  providers: () => readonly Provider[];
  /** May throw when the secret is not at hand; the endpoint is then probed without it. */
  credentialOf: (provider: Provider) => string | null;
  /** Called when endpoints went down or came back, or when they do not serve the same model (any more). */
  onChange: (change: EndpointsChange) => void;
  /** From the end of one round of probes to the next, in milliseconds; 3 s by default. */
  intervalMs?: number;
}

/** What an operator should know about a provider's endpoints. */
export interface EndpointsChange {
  provider: string;
  endpoints: EndpointStatus[];
  /** What two endpoints serve when it is not the same; null when they agree. */
  disagreement: string | null;
}

const INTERVAL_MS = 3000;

/** A probe is small: what takes longer than this is not well. */
const PROBE_TIMEOUT_MS = 2000;

/** A provider's endpoints, and the news of them that was last told. */
interface Watched {
  set: EndpointSet;
  provider: Provider;
  told: string;
}

/**
 * Which endpoint of a vLLM provider a call goes to. In flight are this process's calls: several workers do not see each
 * other's, and balance each for itself. Providers of other types have one endpoint, which is always lent.
 */
export class VllmEndpoints {
  readonly #options: VllmEndpointsOptions;
  readonly #watched = new Map<string, Watched>();
  #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(options: VllmEndpointsOptions) {
    this.#options = options;
    this.#stopping.abort();
  }

  /** Begins to probe; the timer keeps no process alive. */
  start(): void {
    if (!this.#stopping.signal.aborted) return;
    this.#stopping = new AbortController();
    this.#runRound();
  }

  /** Resolves when no probe is on its way and none will be sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** Lends the endpoint for one call. Throws a `provider_fault` when the provider's endpoints serve different models. */
  acquire(provider: Provider): EndpointLease {
    if (provider.type !== 'vllm') return { endpoint: provider.endpoints[0] ?? '', release: () => undefined };
    const { set } = this.#watch(provider);
    const { disagreement } = set;
    if (disagreement !== null) {
      throw new ProviderError(
        'provider_fault',
        `The endpoints of provider ${provider.id} serve different models (${disagreement}); each model needs a provider of its own.`,
        { code: 'endpoints_differ' },
      );
    }
    return set.acquire() ?? { endpoint: '', release: () => undefined };
  }

  /** Runs a call on the endpoint that is lent to it, and keeps what its end says about the endpoint. */
  async use<T>(provider: Provider, run: (endpoint: string) => Promise<T>): Promise<T> {
    const lease = this.acquire(provider);
    try {
      const result = await run(lease.endpoint);
      lease.release('answered');
      return result;
    } catch (error) {
      lease.release(judgeEndpoint(error));
      throw error;
    }
  }

  /** The window of a model as the provider's servers were started with; null when it is not known (yet). */
  maxModelLen(providerId: string, upstreamModel: string): number | null {
    return this.#watched.get(providerId)?.set.maxModelLen(upstreamModel) ?? null;
  }

  /** By model id, the windows of those models whose servers have told. */
  contextTokensOf(models: readonly Model[]): Map<string, number> {
    const found = new Map<string, number>();
    for (const { id, provider, upstreamModel } of models) {
      const window = this.maxModelLen(provider, upstreamModel);
      if (window !== null) found.set(id, window);
    }
    return found;
  }

  /** What is known of a vLLM provider's endpoints, in the configured order. */
  statusOf(providerId: string): EndpointStatus[] {
    return this.#watched.get(providerId)?.set.status ?? [];
  }

  #watch(provider: Provider): Watched {
    const known = this.#watched.get(provider.id);
    if (known) {
      if (known.provider !== provider) known.set.update(provider.endpoints);
      known.provider = provider;
      return known;
    }
    const watched: Watched = {
      provider,
      told: '',
      set: new EndpointSet({
        endpoints: provider.endpoints,
        now: () => performance.now(),
        probe: (endpoint, how) => this.#probe(watched.provider, endpoint, how),
      }),
    };
    this.#watched.set(provider.id, watched);
    return watched;
  }

  #probe(provider: Provider, endpoint: string, how: { withModels: boolean }): Promise<ProbeReport> {
    const access = {
      endpoint,
      credential: this.#credentialOf(provider),
      connectMs: Math.min(provider.timeouts.connectMs, PROBE_TIMEOUT_MS),
      answerMs: PROBE_TIMEOUT_MS,
      signal: this.#stopping.signal,
    };
    return probeEndpoint(this.#options.http, access, how);
  }

  #credentialOf(provider: Provider): string | null {
    try {
      return this.#options.credentialOf(provider);
    } catch {
      // `/health` asks for no key, so an unreadable one does not make the server look dead.
      return null;
    }
  }

  #runRound(): void {
    const { signal } = this.#stopping;
    this.#round = this.#probeAll(signal).then(() => {
      if (signal.aborted) return;
      this.#timer = setTimeout(() => this.#runRound(), this.#options.intervalMs ?? INTERVAL_MS).unref();
    });
  }

  async #probeAll(signal: AbortSignal): Promise<void> {
    const providers = this.#options.providers().filter(({ type, enabled }) => type === 'vllm' && enabled);
    const ids = new Set(providers.map(({ id }) => id));
    for (const id of this.#watched.keys()) if (!ids.has(id)) this.#watched.delete(id);
    await Promise.all(
      providers.map(async (provider) => {
        const watched = this.#watch(provider);
        await watched.set.probe();
        if (!signal.aborted) this.#tell(watched);
      }),
    );
  }

  /** Tells what has changed since it was told last; that all is well at first is no news. */
  #tell(watched: Watched): void {
    const { status: endpoints, disagreement } = watched.set;
    const isWell = disagreement === null && endpoints.every(({ isUp }) => isUp);
    const news = isWell ? '' : JSON.stringify([endpoints.map(({ isUp }) => isUp), disagreement]);
    if (news === watched.told) return;
    watched.told = news;
    this.#options.onChange({ provider: watched.provider.id, endpoints, disagreement });
  }
}
