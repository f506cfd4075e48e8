import type { Route } from '#contracts/decision.js';
import type { StepNode } from '#contracts/orchestration.js';
import type { Model } from '#contracts/registry-snapshot.js';
import type { PlannableGraph } from './step-planner.js';
import { roleOf, roundOf, type StepRole } from '#orchestration/steps-of.js';
import { dearestCost, mostOutputTokens, requestFeatures, type RequestFeatures } from '#routing/request-features.js';

/** What our own words take at the most, and the fence around each text that they quote; a spec holds every prompt against both. */
export const PROMPT_TOKENS = 400;
export const QUOTE_TOKENS = 40;

/** How each role is routed; a graph without reviewers has none for them. */
export type RoleRoutes = Record<StepRole, Route | null>;

/**
 * What budgets reserve for the first call of each step, by step id (nano-dollars): the dearest candidate of its role, with the
 * longest answers of the steps that it quotes. A step that begins a graph has been counted as it is.
 */
export function reserveGraph(
  { plan, request }: Pick<PlannableGraph, 'plan' | 'request'>,
  routes: RoleRoutes,
  registered: readonly Model[],
): Record<string, number> {
  const features = requestFeatures({ kind: 'chat', body: request, inputTokens: 0 });
  const models = { primary: modelsOf(routes.primary, registered), review: modelsOf(routes.review, registered) };
  const longest = { primary: longestAnswer(models.primary, features), review: longestAnswer(models.review, features) };
  const names = new Map(plan.nodes.map(({ id, name }) => [id, name]));
  const answerOf = (id: string): number => longest[roleOf(names.get(id) ?? 'answer')];
  const spoken = Array.isArray(request.messages) ? request.messages.length : 0;
  const reserved = plan.nodes.map((node): [string, number] => {
    const role = roleOf(node.name);
    if (node.needs.length === 0) return [node.id, routes[role]?.dearestCostNano ?? 0];
    const quoted = quotedBy(node);
    const own = PROMPT_TOKENS + QUOTE_TOKENS * (quoted.length + spoken);
    const inputTokens = quoted.reduce((sum, id) => sum + answerOf(id), own + (routes[role]?.inputTokens ?? 0));
    return [node.id, Math.max(0, ...models[role].map((model) => costAt(model, { ...features, inputTokens })))];
  });
  return Object.fromEntries(reserved);
}

/** The sum over the steps that are still to be made. */
export function reservedFor(
  reserved: Readonly<Record<string, number>> = {},
  taken: readonly Pick<StepNode, 'id'>[] = [],
): number {
  const done = new Set(taken.map(({ id }) => id));
  return Object.entries(reserved).reduce((sum, [id, nano]) => (done.has(id) ? sum : sum + nano), 0);
}

/** What does not fit a window is shortened until it does. */
function costAt(model: Model, features: RequestFeatures): number {
  return dearestCost({ ...features, inputTokens: Math.min(features.inputTokens, model.contextTokens) }, model);
}

function modelsOf(route: Route | null, registered: readonly Model[]): Model[] {
  const candidates = new Set(route?.candidates.map(({ model }) => model));
  return registered.filter(({ id }) => candidates.has(id));
}

function longestAnswer(models: readonly Model[], features: RequestFeatures): number {
  return Math.max(0, ...models.map((model) => mostOutputTokens(features, model)));
}

/** The steps whose answers a step's prompt holds. */
function quotedBy(node: StepNode): readonly string[] {
  switch (node.name) {
    case 'answer':
    case 'plan':
    case 'candidate':
      return [];
    case 'critique':
    case 'review':
      return [roundOf(node).draft];
    case 'refine':
    case 'improve':
      return [roundOf(node).draft, roundOf(node).opinion];
    case 'judge':
      return node.needs;
  }
}
