import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, OutputSpec } from '#contracts/orchestration.js';
import type { Policy } from '#contracts/policy.js';
import type { Principal } from '#contracts/scopes.js';
import type { NewJob } from '#jobs/job-record.js';
import type { OwnWebhook } from './hook-targets.js';

/** How the client gets the outcome: it comes back for it, waits for the answer, or reads the answer as a stream. */
export type Delivery = 'later' | 'answer' | 'stream';

export interface SubmitRequest {
  kind: CallKind;
  /** OpenAI-shaped, validated, without Tokenhub's own fields. */
  body: JsonObject;
  policy: Policy;
  principal: Principal;
  delivery: Delivery;
  metadata: Record<string, string>;
  /** The graph of calls that the request becomes; null for a single call. */
  orchestration?: OrchestrationSpec | null;
  /** What the final text must be; null leaves it as it comes. */
  output?: OutputSpec | null;
  /** Unix milliseconds. */
  deadline: number;
  notBefore: number | null;
  idempotency: NewJob['idempotency'];
  /** The job's own webhook. */
  webhook?: OwnWebhook | null;
}
