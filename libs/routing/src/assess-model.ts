import { usdText, usdToNano } from '#contracts/money.js';
import type { Exclusion, PermanentReason, TemporaryReason } from '#contracts/decision.js';
import type { Policy } from '#contracts/policy.js';
import type { AllowedModels } from './allowed-models.js';
import { beyondLimits } from './beyond-limits.js';
import { estimateCost } from './cost.js';
import type { LiveViews } from '#contracts/live-views.js';
import { overflowDetail, type WindowOptions } from './context-window.js';
import type { RoutableModel } from './registry-index.js';
import { expectedOutputTokens, type RequestFeatures } from './request-features.js';
import { temporaryReasonOf } from './temporary-reason.js';

/** A model with the figures that decide about it for one request. */
export interface Prospect {
  entry: RoutableModel;
  /** Expected output of all answers. */
  outputTokens: number;
  costNano: number;
  /** Observed, else configured; without the wait. */
  latencyMs: number;
  waitMs: number;
  failureRate: number;
  temporary: TemporaryReason | null;
}

export interface AssessOptions extends WindowOptions {
  policy: Policy;
  views: LiveViews;
  /** What the key may use; null means everything. */
  allowed: AllowedModels | null;
}

/** Works out the figures of one model for one request. */
export function assessModel(entry: RoutableModel, { features, views }: AssessOptions): Prospect {
  const { model, pool } = entry;
  const outputTokens = expectedOutputTokens(features, model) * features.answers;
  return {
    entry,
    outputTokens,
    costNano: estimateCost({ inputTokens: features.inputTokens, outputTokens }, model.price),
    latencyMs: views.load.observedLatencyMs.get(model.id) ?? model.expectedLatencyMs,
    waitMs: views.load.pools.get(pool)?.expectedWaitMs ?? 0,
    failureRate: views.health.get(model.provider)?.failureRate ?? 0,
    temporary: temporaryReasonOf({ model: model.id, provider: model.provider, pool }, views),
  };
}

/** The exclusion of a model that the key may not use, or null. */
export function forbiddenTo(allowed: AllowedModels | null, { model }: RoutableModel): Exclusion | null {
  if (allowed === null || allowed.models.has(model.id)) return null;
  return { model: model.id, reason: 'not_allowed', detail: 'It is not allowed for this key.' };
}

/** Why this model, which the key may use, cannot take the request at all, or null. */
export function exclusionOf(prospect: Prospect, options: AssessOptions): Exclusion | null {
  const { entry } = prospect;
  return (
    exclude(entry, 'disabled', disabledDetail(entry)) ??
    exclude(entry, 'kind', kindDetail(entry, options.features)) ??
    exclude(entry, 'capability', capabilityDetail(entry, options.features)) ??
    exclude(entry, 'context', overflowDetail(entry.model, options)) ??
    exclude(entry, 'limit', limitDetail(prospect, options.features)) ??
    exclude(entry, 'weight', weightDetail(entry, options.policy)) ??
    exclude(entry, 'budget', budgetDetail(prospect, options.policy)) ??
    exclude(entry, 'latency', latencyDetail(prospect, options.policy))
  );
}

function exclude(entry: RoutableModel, reason: PermanentReason, detail: string | null): Exclusion | null {
  return detail === null ? null : { model: entry.model.id, reason, detail };
}

function disabledDetail({ model, provider }: RoutableModel): string | null {
  if (!model.enabled) return 'The model is disabled.';
  if (!provider) return `Its provider ${model.provider} is not registered.`;
  return provider.enabled ? null : `Its provider ${provider.id} is disabled.`;
}

function kindDetail({ model }: RoutableModel, { kind }: RequestFeatures): string | null {
  return model.kinds.includes(kind)
    ? null
    : `The request is a ${kind}, and the model serves ${model.kinds.join(', ') || 'nothing'}.`;
}

function capabilityDetail({ model }: RoutableModel, { needs }: RequestFeatures): string | null {
  for (const need of needs) {
    if (model.capabilities.includes(need)) continue;
    const missing = needs.filter((each) => !model.capabilities.includes(each));
    return `The request needs ${missing.join(', ')}, which the model lacks.`;
  }
  return null;
}

function limitDetail({ entry, outputTokens }: Prospect, features: RequestFeatures): string | null {
  const { inputTokens, requestedOutputTokens: maxTokens } = features;
  return beyondLimits(entry, { inputTokens, outputTokens, maxTokens });
}

function weightDetail({ model }: RoutableModel, { minWeight }: Policy): string | null {
  return model.weight < minWeight ? `Its weight is ${model.weight}, and min_weight is ${minWeight}.` : null;
}

function budgetDetail({ costNano }: Prospect, { maxBudgetUsd }: Policy): string | null {
  if (maxBudgetUsd === null || costNano <= usdToNano(maxBudgetUsd)) return null;
  return `The estimated cost is ${usdText(costNano)} USD, and max_budget_usd is ${usdText(usdToNano(maxBudgetUsd))}.`;
}

function latencyDetail({ latencyMs, waitMs }: Prospect, { maxLatencyMs }: Policy): string | null {
  if (maxLatencyMs === null || latencyMs + waitMs <= maxLatencyMs) return null;
  return `${Math.round(latencyMs)} ms of latency and ${Math.round(waitMs)} ms of wait are expected, and max_latency_ms is ${maxLatencyMs}.`;
}
