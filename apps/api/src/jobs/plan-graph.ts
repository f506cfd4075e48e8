import type { Candidate, Decision, Route } from '#contracts/decision.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { OrchestrationSpec, StepNode } from '#contracts/orchestration.js';
import type { Model } from '#contracts/registry-snapshot.js';
import type { Principal } from '#contracts/scopes.js';
import { FIRST_ASK, newSteps, type GraphPlan, type NewGraph } from '#jobs/graph-record.js';
import { routeOf } from '#orchestration/route-of.js';
import { CHAT_STEPS, roleOf, stepsOf } from '#orchestration/steps-of.js';
import { reservedFor, reserveGraph, type RoleRoutes } from '#planner/reserve-graph.js';
import type { RoutePlanner } from '#planner/route-planner.js';
import type { PlannableGraph, StepPlanner } from '#planner/step-planner.js';
import { noEligibleModel } from '#routing/no-eligible-model.js';
import type { Delivery, SubmitRequest } from './submit-request.js';

export interface PlannedGraph {
  graph: NewGraph;
  /** Of the first step. */
  decision: Route;
  /** Of all calls of a run without faults, each at what the first candidate of its role would cost. */
  estimatedCostNano: number;
  inputTokens: number;
  outputTokens: number;
  /** What budgets reserve for all calls together. */
  reserveNano: number;
}

export interface GraphPlanners {
  routes: RoutePlanner;
  steps: StepPlanner;
  /** Those that are registered at this moment. */
  models: () => readonly Model[];
}

/**
 * The graph that a request becomes, with the call of its first step. Both roles are routed now, so that what can never be done is
 * refused at the door; every later step is planned when its turn comes. Throws as routing does, naming the field that no model fits.
 */
export async function planGraph(
  planners: GraphPlanners,
  request: SubmitRequest & { jobId: string; delivery: Delivery },
): Promise<PlannedGraph> {
  const { orchestration = null } = request;
  const nodes = orchestration === null ? [...CHAT_STEPS] : stepsOf(orchestration);
  const plan = graphPlan(nodes, request);
  const { project, key } = request.principal;
  const graph = { jobId: request.jobId, project, key, costNano: 0, plan, request: request.body, steps: newSteps(plan) };
  const [first] = graph.steps;
  if (first === undefined) throw new RangeError('a graph has at least one step');
  const { decision, ...call } = await naming(orchestration, first, () => planners.steps.plan(graph, first, FIRST_ASK));
  const review = await planReview(planners.routes, graph, request.principal);
  const reserved = reservedSteps(planners, graph, { routes: { primary: decision, review }, request });
  const reviews = nodes.filter(isReview).length;
  const paidCalls =
    orchestration?.mode === 'vote'
      ? 1
      : nodes.length - reviews + reviewsIn(decision.candidates[0], { review, reviews });
  return {
    // Where several begin at once, each opens its own.
    graph: {
      plan: { ...plan, paidCalls, inputTokens: decision.inputTokens, ...(reserved && { reserved }) },
      taken: [],
      first: orchestration?.mode === 'vote' ? null : { ...call, step: first },
    },
    decision,
    estimatedCostNano: costOf(decision) * (nodes.length - reviews) + costOf(review) * reviews,
    inputTokens: decision.inputTokens * nodes.length,
    outputTokens: decision.outputTokens * nodes.length,
    reserveNano: reservedFor(reserved),
  };
}

function graphPlan(nodes: StepNode[], request: SubmitRequest): GraphPlan {
  const { orchestration = null, output = null, policy, body, delivery, principal } = request;
  return {
    ...{ nodes, orchestration, output, policy },
    stream: delivery === 'stream' || body.stream === true,
    attended: delivery !== 'later',
    share: principal.share,
    ...(principal.allowedModels && { allowedModels: principal.allowedModels }),
    paidCalls: 1,
  };
}

/** What each step reserves; nothing where nobody counts it. */
function reservedSteps(
  { models }: GraphPlanners,
  graph: PlannableGraph,
  { routes, request }: { routes: RoleRoutes; request: SubmitRequest },
): Record<string, number> | undefined {
  return request.principal.budgets.length === 0 ? undefined : reserveGraph(graph, routes, models());
}

/** Critics in the author's own pool take their turns there, too. */
function reviewsIn(
  author: Candidate | undefined,
  { review, reviews }: { review: Decision | null; reviews: number },
): number {
  const others = review?.candidates.filter(({ model }) => model !== author?.model) ?? [];
  const [critic] = others.length > 0 ? others : (review?.candidates ?? []);
  return critic !== undefined && critic.pool === author?.pool ? reviews : 0;
}

/** Whether anybody can take a reviewer's part; what it will be asked is not known yet. Null where there is none. */
async function planReview(planner: RoutePlanner, graph: PlannableGraph, principal: Principal): Promise<Route | null> {
  const { plan, request, jobId } = graph;
  const reviewer = plan.nodes.find(isReview);
  if (reviewer === undefined) return null;
  const { model, policy } = routeOf(plan, reviewer, request);
  const { messages, max_tokens } = request;
  return naming(plan.orchestration, reviewer, async () => {
    const body = { model, messages, max_tokens };
    const decision = await planner.plan({ kind: 'chat', body, policy, jobId, principal });
    if (decision.candidates.length === 0) throw noEligibleModel(decision);
    return decision;
  });
}

function isReview({ name }: StepNode): boolean {
  return roleOf(name) === 'review';
}

function costOf(decision: Decision | null): number {
  return decision?.candidates[0]?.estimatedCostNano ?? 0;
}

/** Names the field of the orchestration by which no model fits. */
async function naming<T>(orchestration: OrchestrationSpec | null, node: StepNode, plan: () => Promise<T>): Promise<T> {
  try {
    return await plan();
  } catch (error) {
    const field = orchestration && fieldOf(orchestration, node);
    if (field === null || !(error instanceof TokenhubError)) throw error;
    throw new TokenhubError(error.code, error.message, { ...error.options, param: field });
  }
}

/** The field of the orchestration that decides, if one does. */
function fieldOf(orchestration: OrchestrationSpec, node: StepNode): string | null {
  const { reviewModelId, reviewMinWeight, primaryModelId, primaryMinWeight } = orchestration;
  if (isReview(node)) {
    if (reviewModelId !== null) return 'orchestration.review_model_id';
    return reviewMinWeight > 0 ? 'orchestration.review_min_weight' : null;
  }
  if (primaryModelId !== null) return 'orchestration.primary_model_id';
  return primaryMinWeight > 0 ? 'orchestration.primary_min_weight' : null;
}
