import type { Decision } from '#contracts/decision.js';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import type { Principal } from '#contracts/scopes.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { planRoute } from '#routing/plan-route.js';
import { indexRegistry } from '#routing/registry-index.js';
import { requestFeatures } from '#routing/request-features.js';
import type { TokenCounter } from '#tokens/count-tokens.js';

export interface RouteRequest {
  kind: CallKind;
  /** OpenAI-shaped and validated. */
  body: JsonObject;
  policy: Policy;
  principal: Principal;
  /** Stays the same for the whole job: what an alias with `sticky_by: request` draws by. */
  jobId: string;
}

/** Counts a request's tokens and asks routing for its candidates, with the registry and the views of this moment. */
export class RoutePlanner {
  constructor(
    private readonly registry: LiveRegistry,
    private readonly tokens: TokenCounter,
    private readonly source: LiveViewsSource,
  ) {}

  /** Throws `model_not_found`; a decision may have no candidates. */
  async plan({ kind, body, policy, principal, jobId }: RouteRequest): Promise<Decision> {
    const counted = await this.tokens.countRequest(kind, body);
    const features = requestFeatures({ kind, body, ...counted });
    return planRoute({
      features,
      policy,
      registry: indexRegistry(this.registry.current.snapshot),
      views: this.source.views,
      allowed: null,
      sticky: { key: `${principal.project}/${principal.key}`, request: jobId },
    });
  }
}
