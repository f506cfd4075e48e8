import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';

/** Where a call may go, in order, and how often it may try: fixed when the job is created. */
export interface CallPlan {
  kind: CallKind;
  candidates: { model: string; provider: string; pool: string }[];
  /** The client wants the output piece by piece, whether or not anybody reads the events yet. */
  stream: boolean;
  maxAttempts: number;
  /** The client would rather have an error than an answer for which fields were dropped. */
  strict: boolean;
  onContentFilter: Policy['onContentFilter'];
  /**
   * Somebody waits for the answer at this moment: where every provider is down they are asked all the same, because an error
   * now is worth more than an answer in an hour.
   */
  attended: boolean;
  /** Its output is not the job's: nobody is sent it as it comes. */
  silent?: boolean;
  /** Asked of models that can hold to a schema by themselves, beside what the prompt says. */
  responseFormat?: JsonObject;
  /** Counted at creation; billed when a broken stream leaves no usage. */
  inputTokens: number;
  /** Expected of the first candidate. */
  outputTokens: number;
}
