import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Provider } from '#contracts/registry-snapshot.js';
import type { HttpClient } from '#http/http-client.js';
import { countExactly, isCountable, type ExactCount } from '#providers/vllm/tokenize.js';
import { resolveCredential, type CredentialStores } from '#registry/credentials.js';
import type { Doubt } from '#routing/find-doubts.js';

/** The client waits for its job to be accepted: what takes longer than this is not worth it. */
const PATIENCE_MS = 1_000;

/** Servers asked for one request. */
const MOST_ASKED = 2;

export interface ExactCountsOptions {
  http: HttpClient;
  /** What this process can read; a provider whose secret it cannot is not asked. */
  stores: CredentialStores;
  onError: (error: unknown) => void;
}

/** Asks the servers of models for the exact size of a request. */
export class ExactCounts {
  constructor(private readonly options: ExactCountsOptions) {}

  /** True for a provider that can count such a request and whose secret this process can read. */
  canAsk(provider: Provider, { kind, body }: { kind: CallKind; body: JsonObject }): boolean {
    return provider.type === 'vllm' && isCountable(kind, body) && this.secretOf(provider) !== undefined;
  }

  /**
   * By model id, what the first servers of these answer, asked at the same time and each for a second at the most. One that
   * fails or is late is left out: then the estimate stands.
   */
  async ask(doubts: readonly Doubt[], body: JsonObject): Promise<Map<string, ExactCount>> {
    const asked = doubts.slice(0, MOST_ASKED);
    const counts = await Promise.all(asked.map((doubt) => this.askOne(doubt, body)));
    return new Map(asked.flatMap(({ model }, i) => (counts[i] ? [[model.id, counts[i]]] : [])));
  }

  private async askOne({ model, provider }: Doubt, body: JsonObject): Promise<ExactCount | null> {
    const access = {
      // This process does not probe: should the first be down, the estimate stands.
      endpoint: provider.endpoints[0] ?? '',
      credential: this.secretOf(provider) ?? null,
      connectMs: PATIENCE_MS,
      answerMs: PATIENCE_MS,
      signal: AbortSignal.timeout(PATIENCE_MS),
    };
    try {
      return await countExactly(this.options.http, access, { body, upstreamModel: model.upstreamModel });
    } catch (error) {
      this.options.onError(error);
      return null;
    }
  }

  /** Null for a provider that takes none, undefined for one that this process cannot read. */
  private secretOf(provider: Provider): string | null | undefined {
    const result = resolveCredential(provider, this.options.stores);
    return result.state === 'resolved' ? result.secret : undefined;
  }
}
