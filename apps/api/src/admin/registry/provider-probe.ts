import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Model, Provider } from '#contracts/registry-snapshot.js';
import type { HttpClient } from '#http/http-client.js';
import { adapterFor } from '#providers/adapters.js';
import { listModels } from '#providers/list-models.js';
import { ProviderError } from '#providers/provider-error.js';
import { resolveCredential, type CredentialStores } from '#registry/credentials.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { proposeModel, type Proposal } from './propose-model.js';

export interface ProviderProbeDeps {
  http: HttpClient;
  registry: LiveRegistry;
  /** What this process can read. */
  stores: CredentialStores;
}

/** How one small call to a provider, or to one endpoint of it, went. */
export interface ProbeResult {
  endpoint: string;
  ok: boolean;
  latencyMs: number;
  error: PublicError | null;
}

/** An administrator waits for it. */
const PATIENCE_MS = 15_000;
const CONNECT_MS = 5_000;

/** Asks providers what they have and whether they answer, from this process, outside the queues and their limits. Writes nothing. */
export class ProviderProbe {
  constructor(private readonly deps: ProviderProbeDeps) {}

  /** The models that the provider lists, as they could be set. Throws `provider_error` with what the provider said. */
  async discover(id: string): Promise<Proposal[]> {
    const { provider, credential } = this.lookUp(id);
    const { http, registry } = this.deps;
    try {
      const access = { credential, signal: AbortSignal.timeout(PATIENCE_MS), timeoutMs: PATIENCE_MS };
      const listed = await listModels(http, bounded(provider), access);
      return listed.map((model) => proposeModel(model, provider, registry.current));
    } catch (error) {
      const { code, message, class: errorClass, providerStatus } = publicError(error);
      throw new TokenhubError('provider_error', `The provider ${id} did not list its models: ${message}`, {
        extensions: { provider_error: { code, class: errorClass, provider_status: providerStatus } },
        cause: error,
      });
    }
  }

  /** One call for one token to the cheapest enabled model, at each endpoint. Throws where there is none to ask. */
  async test(id: string): Promise<{ model: string; results: ProbeResult[] }> {
    const { provider, credential } = this.lookUp(id);
    const model = cheapest(this.deps.registry.current.snapshot.models.filter((one) => one.provider === id));
    if (!model) {
      throw new TokenhubError('no_eligible_model', `The provider ${id} has no enabled model to ask: set one first.`);
    }
    const results = provider.endpoints.map((endpoint) => this.ask({ provider, model, credential, endpoint }));
    return { model: model.id, results: await Promise.all(results) };
  }

  private async ask(call: {
    provider: Provider;
    model: Model;
    credential: string | null;
    endpoint: string;
  }): Promise<ProbeResult> {
    const { provider, model, credential, endpoint } = call;
    const kind = model.kinds[0] ?? 'chat';
    const startedAt = performance.now();
    const done = (error: PublicError | null): ProbeResult => ({
      ...{ endpoint, ok: error === null, error },
      latencyMs: Math.round(performance.now() - startedAt),
    });
    try {
      await adapterFor(provider.type, this.deps.http).execute({
        ...{ kind, endpoint, credential, upstreamModel: model.upstreamModel },
        body: smallest(kind, provider),
        timeouts: bounded(provider).timeouts,
        deadlineMs: Date.now() + PATIENCE_MS,
        signal: AbortSignal.timeout(2 * PATIENCE_MS),
        maxOutputTokens: 1,
        dropSamplingParameters: true,
      });
      return done(null);
    } catch (error) {
      return done(publicError(error));
    }
  }

  private lookUp(id: string): { provider: Provider; credential: string | null } {
    const provider = this.deps.registry.current.provider(id);
    if (!provider) throw new TokenhubError('provider_not_found', `There is no provider ${id.slice(0, 64)}.`);
    const found = resolveCredential(provider, this.deps.stores);
    if (found.state === 'resolved') return { provider, credential: found.secret };
    if (found.state === 'unavailable')
      throw new TokenhubError('vault_locked', `The provider ${id} cannot be called: ${found.reason}.`);
    throw new TokenhubError(
      'credential_not_here',
      `This API process cannot call the provider ${id}: ${found.reason}. Workers may have it all the same: see ready.`,
    );
  }
}

/** By what a call of as much input as output costs. */
function cheapest(models: readonly Model[]): Model | undefined {
  const cost = ({ price }: Model): number => price.inputNano + price.outputNano;
  return models.filter(({ enabled }) => enabled).toSorted((a, b) => cost(a) - cost(b) || (a.id < b.id ? -1 : 1))[0];
}

function smallest(kind: CallKind, { type }: Provider): JsonObject {
  // OpenAI's newer models refuse max_tokens, which other servers may be alone in knowing.
  const limit = type === 'openai' && kind === 'chat' ? { max_completion_tokens: 1 } : { max_tokens: 1 };
  switch (kind) {
    case 'chat':
      return { messages: [{ role: 'user', content: 'Hi' }], ...limit };
    case 'completion':
      return { prompt: 'Hi', ...limit };
    case 'embedding':
      return { input: 'Hi' };
  }
}

function bounded(provider: Provider): Provider {
  const { timeouts } = provider;
  return {
    ...provider,
    timeouts: {
      ...timeouts,
      connectMs: Math.min(timeouts.connectMs, CONNECT_MS),
      firstTokenMs: Math.min(timeouts.firstTokenMs, PATIENCE_MS),
      answerMs: Math.min(timeouts.answerMs, PATIENCE_MS),
    },
  };
}

/** Anything else is a fault of ours. */
function publicError(error: unknown): PublicError {
  if (error instanceof ProviderError) return error.toPublic();
  throw error;
}
