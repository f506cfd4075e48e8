import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration, type OrchestrationMode, type OrchestrationSpec } from '#contracts/orchestration.js';
import { validateDto } from '../jobs/validate-dto.js';
import { OrchestrationDto } from './orchestration.dto.js';

export interface ParsedOrchestration {
  spec: OrchestrationSpec;
  /** False where the number of rounds is a default. */
  iterationsGiven: boolean;
  /** What its text must satisfy. */
  schema: JsonObject | null;
}

/** Checks an orchestration as clients write it and fills in its defaults; `path` is where it sits in the body. */
export function parseOrchestration(value: unknown, path: string): ParsedOrchestration {
  const wire = validateDto(OrchestrationDto, value, { path, opaque: ['output_schema'] });
  const absent = defaultOrchestration(wire.mode);
  const spec: OrchestrationSpec = {
    mode: wire.mode,
    iterations: wire.iterations ?? absent.iterations,
    voters: wire.voters ?? absent.voters,
    primaryModelId: wire.primary_model_id ?? absent.primaryModelId,
    reviewModelId: wire.review_model_id ?? absent.reviewModelId,
    primaryMinWeight: wire.primary_min_weight ?? absent.primaryMinWeight,
    reviewMinWeight: wire.review_min_weight ?? absent.reviewMinWeight,
    returnPlanOnly: wire.return_plan_only ?? absent.returnPlanOnly,
  };
  requireUseful(spec, path);
  return { spec, iterationsGiven: wire.iterations != null, schema: wire.output_schema ?? null };
}

/**
 * Throws `unsupported_value` for what the mode would ignore: whoever asks for a critic of a mode that has none is mistaken
 * about one of the two. A default that is spelled out is no mistake.
 */
export function requireUseful(spec: OrchestrationSpec, path: string): void {
  const absent = defaultOrchestration(spec.mode);
  for (const { field, key, use, not } of USES) {
    if (spec[key] === absent[key] || not[spec.mode] === undefined) continue;
    throw new TokenhubError('unsupported_value', `${field} ${use}; ${spec.mode} ${not[spec.mode]}.`, {
      param: `${path}.${field}`,
    });
  }
}

interface Use {
  field: keyof OrchestrationDto;
  key: keyof OrchestrationSpec;
  use: string;
  /** The modes that have no use for it, and why. */
  not: Partial<Record<OrchestrationMode, string>>;
}

const NO_CRITIC = { planning: 'is one call', refine: 'has each model look at its own answer' };
const NO_FIRST_PLAN = { vote: 'makes no plan', refine: 'makes no plan' };

const USES: readonly Use[] = [
  {
    field: 'iterations',
    key: 'iterations',
    use: 'counts rounds of criticism',
    not: { planning: 'is one call', vote: 'has none (voters is the number of its candidates)' },
  },
  {
    field: 'voters',
    key: 'voters',
    use: 'counts the candidates of a vote',
    not: { planning: 'has none', adversarial: 'has none', refine: 'has none' },
  },
  { field: 'review_model_id', key: 'reviewModelId', use: 'names a critic or judge', not: NO_CRITIC },
  { field: 'review_min_weight', key: 'reviewMinWeight', use: 'is about a critic or judge', not: NO_CRITIC },
  { field: 'return_plan_only', key: 'returnPlanOnly', use: 'ends with the first plan', not: NO_FIRST_PLAN },
];
