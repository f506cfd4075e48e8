import type { Route } from '#contracts/decision.js';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { ContextView } from '#contracts/live-views.js';
import type { Policy } from '#contracts/policy.js';
import type { Principal } from '#contracts/scopes.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { ExactCount } from '#providers/vllm/tokenize.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { allowedModels } from '#routing/allowed-models.js';
import { findDoubts } from '#routing/find-doubts.js';
import { planRoute, type RouteOptions } from '#routing/plan-route.js';
import { indexRegistry } from '#routing/registry-index.js';
import { requestFeatures, type RequestFeatures } from '#routing/request-features.js';
import type { TokenCounter } from '#tokens/count-tokens.js';
import type { ExactCounts } from './exact-counts.js';

export interface RouteRequest {
  kind: CallKind;
  /** OpenAI-shaped and validated. */
  body: JsonObject;
  policy: Policy;
  principal: Pick<Principal, 'project' | 'key' | 'allowedModels'>;
  /** Stays the same for the whole job: what an alias with `sticky_by: request` draws by. */
  jobId: string;
  /** What it is known to count; absent, it is counted. */
  inputTokens?: number;
}

export interface RoutePlannerDeps {
  registry: LiveRegistry;
  tokens: TokenCounter;
  source: LiveViewsSource;
  exactCounts: ExactCounts;
}

const NO_COUNTS: ReadonlyMap<string, ExactCount> = new Map();

/** Counts a request's tokens and asks routing for its candidates, with the registry and the views of this moment. */
export class RoutePlanner {
  constructor(private readonly deps: RoutePlannerDeps) {}

  /**
   * The decision for a job that is to be made. Where the estimate cannot tell whether the request fits a model, the model's
   * server is asked, which takes a second at the most. Throws `model_not_found`; a decision may have no candidates.
   */
  async plan(request: RouteRequest): Promise<Route> {
    const { exactCounts } = this.deps;
    const features = await this.featuresOf(request);
    const options = this.optionsOf(request, features, NO_COUNTS);
    const doubts = findDoubts(options, (provider) => exactCounts.canAsk(provider, request));
    if (doubts.length === 0) return planRoute(options);
    const counts = await exactCounts.ask(doubts, request.body);
    return planRoute(this.optionsOf(request, features, counts));
  }

  /** The decision by estimates alone: calls no provider. Throws and answers as `plan` does. */
  async explain(request: RouteRequest): Promise<Route> {
    return planRoute(this.optionsOf(request, await this.featuresOf(request), NO_COUNTS));
  }

  /** The tokens of a chat's body, by this process's own count. */
  async countChat(body: JsonObject): Promise<number> {
    return (await this.deps.tokens.countRequest('chat', body)).inputTokens;
  }

  private async featuresOf({ kind, body, inputTokens }: RouteRequest): Promise<RequestFeatures> {
    const counted =
      inputTokens === undefined
        ? await this.deps.tokens.countRequest(kind, body)
        : { inputTokens, longestInputTokens: inputTokens };
    return requestFeatures({ kind, body, ...counted });
  }

  /** The views are of this moment: not to be kept while servers are asked. */
  private optionsOf(
    { policy, principal, jobId }: RouteRequest,
    features: RequestFeatures,
    counts: ReadonlyMap<string, ExactCount>,
  ): RouteOptions {
    const { views } = this.deps.source;
    const registry = indexRegistry(this.deps.registry.current.snapshot);
    return {
      features,
      policy,
      registry,
      views: counts.size === 0 ? views : { ...views, contextTokens: withTold(views.contextTokens, counts) },
      exactInputTokens: new Map([...counts].map(([model, { tokens }]) => [model, tokens])),
      allowed: allowedModels(principal.allowedModels, registry),
      sticky: { key: `${principal.project}/${principal.key}`, request: jobId },
    };
  }
}

/** A server that counts tells its window, too; it may be one that no worker has seen. */
function withTold(known: ContextView, counts: ReadonlyMap<string, ExactCount>): ContextView {
  const windows = new Map(known);
  for (const [model, { maxModelLen }] of counts) {
    if (maxModelLen !== null) windows.set(model, Math.min(maxModelLen, known.get(model) ?? Infinity));
  }
  return windows;
}
