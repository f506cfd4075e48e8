import type { Candidate, Decision, Route } from '#contracts/decision.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import { nanoToUsd, usdToNano } from '#contracts/money.js';
import type { StepOutput } from '#contracts/orchestration.js';
import type { Policy } from '#contracts/policy.js';
import {
  LEAST_QUOTE_CHARACTERS,
  outputsOf,
  type Ask,
  type Graph,
  type GraphStep,
  type NewCall,
} from '#jobs/graph-record.js';
import type { CallPlan } from '#jobs/call-plan.js';
import { askForVerdict } from '#orchestration/prompts/judge.js';
import { orderForStep, routeOf } from '#orchestration/route-of.js';
import { buildStepRequest, quotedCharacters } from '#orchestration/step-request.js';
import { isAnswering } from '#orchestration/steps-of.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { noEligibleModel } from '#routing/no-eligible-model.js';
import { againAfter, applyOutput, nativeFormat } from '#structured-output/prompts.js';
import type { RoutePlanner } from './route-planner.js';
import { StepTokens } from './step-tokens.js';

/** What is quoted is cut to so much of its length with each try until a model has room for it. */
const SHORTER = 0.6;

/** What planning must know of a graph; its creator has no record of it yet. */
export type PlannableGraph = Pick<Graph, 'jobId' | 'project' | 'key' | 'costNano' | 'plan' | 'request' | 'steps'>;

export interface PlannedCall extends Omit<NewCall, 'parent'> {
  decision: Route;
}

interface Routed {
  body: JsonObject;
  candidates: Candidate[];
  decision: Route;
  quoteCharacters: number | null;
}

/** Makes a step's next call: its prompt, of what the steps before left, and where it may go, routed as any request is. */
export class StepPlanner {
  private readonly tokens: StepTokens;

  constructor(
    private readonly planner: RoutePlanner,
    private readonly registry: LiveRegistry,
  ) {
    this.tokens = new StepTokens((body) => planner.countChat(body));
  }

  /** Throws when no model can take the call, or none within what the job may still cost. */
  async plan(graph: PlannableGraph, step: GraphStep, ask: Ask): Promise<PlannedCall> {
    const routed = await this.route(graph, step, ask);
    const { output } = graph.plan;
    const format = output && isAnswering(step.name) && !ask.refused ? nativeFormat(output) : null;
    const { body, candidates, decision, quoteCharacters } = routed;
    return {
      ask: { ...ask, native: format !== null, quoteCharacters },
      estimatedCostNano: candidates[0]?.estimatedCostNano ?? 0,
      reserveNano: decision.dearestCostNano,
      plan: callPlan(graph, step, { routed, format }),
      request: body,
      decision: { ...decision, candidates },
    };
  }

  private async route(graph: PlannableGraph, step: GraphStep, ask: Ask): Promise<Routed> {
    const outputs = outputsOf(graph);
    let quoteCharacters = ask.quoteCharacters;
    for (;;) {
      const body = this.bodyOf(graph, step, { ask, outputs, quoteCharacters });
      const inputTokens = isWhole(graph, step, ask, quoteCharacters)
        ? await this.tokens.of(graph, step, outputs)
        : null;
      const decision = await this.planner.plan({
        ...{ kind: 'chat', body, policy: this.policyFor(graph, step, ask), jobId: graph.jobId },
        ...(inputTokens !== null && { inputTokens }),
        principal: { project: graph.project, key: graph.key, allowedModels: graph.plan.allowedModels ?? null },
      });
      const candidates = orderForStep(step, decision.candidates, { spec: graph.plan.orchestration, outputs });
      if (candidates.length > 0) return { body, candidates, decision, quoteCharacters };
      const shorter = Math.floor((quoteCharacters ?? quotedCharacters(step, graph.request, outputs)) * SHORTER);
      if (!isTooLong(decision) || step.needs.length === 0 || shorter < LEAST_QUOTE_CHARACTERS)
        throw refusal(decision, graph);
      quoteCharacters = shorter;
    }
  }

  private bodyOf(
    { plan, request }: PlannableGraph,
    node: GraphStep,
    how: { ask: Ask; outputs: ReadonlyMap<string, StepOutput>; quoteCharacters: number | null },
  ): JsonObject {
    const { ask, outputs, quoteCharacters } = how;
    const { output } = plan;
    const { model } = routeOf(plan, node, request);
    const asked = { ...buildStepRequest({ node, request, outputs, quoteCharacters }), model };
    const checked = output !== null && isAnswering(node.name);
    const body = checked ? applyOutput(asked, output) : asked;
    if (ask.rejected === null) return body;
    return checked ? againAfter(body, { ...ask.rejected, spec: output }) : askForVerdict(body, ask.rejected.text);
  }

  /** The budget is the whole job's: what is spent, and what calls under way are expected to cost, is not there any more. */
  private policyFor(graph: PlannableGraph, step: GraphStep, ask: Ask): Policy {
    const { policy } = routeOf(graph.plan, step, graph.request);
    const reserved = graph.steps
      .filter(({ id, state }) => state === 'in_progress' && id !== step.id)
      .reduce((sum, { estimatedCostNano }) => sum + estimatedCostNano, 0);
    const left =
      policy.maxBudgetUsd === null
        ? null
        : Math.max(nanoToUsd(usdToNano(policy.maxBudgetUsd) - graph.costNano - reserved), 0);
    const budgeted = { ...policy, maxBudgetUsd: left };
    return ask.why === 'stronger' ? this.stronger(budgeted, ask) : budgeted;
  }

  /** A model that weighs more than the one that could not do it. */
  private stronger(policy: Policy, ask: Ask): Policy {
    const { models } = this.registry.current.snapshot;
    const weight = models.find(({ id }) => id === ask.rejected?.model)?.weight ?? 0;
    return { ...policy, mode: 'high_confidence', minWeight: Math.max(policy.minWeight, weight + Number.EPSILON * 16) };
  }
}

/** True where the request is nothing but the step's own prompt, and what it quotes is not cut. */
function isWhole({ plan }: PlannableGraph, step: GraphStep, ask: Ask, quoteCharacters: number | null): boolean {
  return quoteCharacters === null && ask.rejected === null && (plan.output === null || !isAnswering(step.name));
}

function isTooLong({ excluded }: Decision): boolean {
  return excluded.some(({ reason }) => reason === 'context');
}

function refusal(decision: Decision, { costNano, plan, steps }: PlannableGraph): TokenhubError {
  const asked = decision.excluded.filter(({ reason }) => reason !== 'not_requested' && reason !== 'kind');
  // Before anything has begun it is like any other reason why nobody can take the job.
  const untouched = steps.every(({ state }) => state === 'pending');
  if (untouched || !asked.some(({ reason }) => reason === 'budget')) return noEligibleModel(decision);
  const spent = nanoToUsd(costNano);
  return new TokenhubError(
    'budget_exceeded',
    `${spent} of ${plan.policy.maxBudgetUsd} USD are spent, and no model can take the next call for what is left.`,
  );
}

function callPlan(
  graph: PlannableGraph,
  step: GraphStep,
  { routed, format }: { routed: Routed; format: JsonObject | null },
): CallPlan {
  const { plan } = graph;
  const { candidates, decision } = routed;
  const isLast = plan.nodes.at(-1)?.id === step.id && isAnswering(step.name);
  return {
    kind: 'chat',
    candidates: candidates.map(({ model, provider, pool }) => ({ model, provider, pool })),
    stream: plan.stream && isLast,
    // A text that is checked first, or that may not be the last, is sent when it is settled.
    silent: !isLast || plan.output !== null,
    ...(format && { responseFormat: format }),
    maxAttempts: plan.policy.maxAttempts,
    strict: plan.policy.strict,
    onContentFilter: plan.policy.onContentFilter,
    attended: plan.attended,
    inputTokens: decision.inputTokens,
    outputTokens: decision.outputTokens,
  };
}
