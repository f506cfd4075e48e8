import { requireModel } from './openai-errors.js';
import { bodyPlan, type Plan } from './plan.js';

const NO_TOKENS = { input: 0, output: 0 };
const AT_ONCE = { ttft_ms: 0, tokens_per_second: null };
/** Listed when any model id is served. */
const EXAMPLES = ['simulated-small', 'simulated-large', 'simulated-embedding'];
const CREATED = 1_700_000_000;

/** GET /v1/models. */
export function answerModels(models: readonly string[]): Plan {
  const data = (models.length > 0 ? models : EXAMPLES).map(modelCard);
  return bodyPlan(JSON.stringify({ object: 'list', data }), NO_TOKENS, AT_ONCE);
}

/** GET /v1/models/*: ids may hold slashes, raw or escaped. Throws RequestProblem. */
export function answerModel(escapedId: string, models: readonly string[]): Plan {
  const id = unescaped(escapedId);
  requireModel(id, models);
  return bodyPlan(JSON.stringify(modelCard(id)), NO_TOKENS, AT_ONCE);
}

function modelCard(id: string) {
  return { id, object: 'model', created: CREATED, owned_by: 'simulator' };
}

function unescaped(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    // A stray percent sign: the id is meant as it stands.
    return id;
  }
}
