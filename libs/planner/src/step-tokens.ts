import type { JsonObject } from '#contracts/json.js';
import type { StepNode, StepOutput } from '#contracts/orchestration.js';
import type { GraphPlan } from '#jobs/graph-record.js';
import { buildStepRequest, quotedSteps } from '#orchestration/step-request.js';

/** Of one token, in the place of what was said. */
const UNSAID = '-';

/** Our own words have one form for each kind of step, number of candidates and number of messages; so many are remembered. */
const MOST_FRAMES = 1_000;

/**
 * What a step will send, by what is known of its parts: the client's request was counted when the job was made, quoted answers by those
 * who gave them, and our own words are always the same. So a text that goes from step to step is counted once.
 */
export class StepTokens {
  private readonly frames = new Map<string, number>();

  constructor(private readonly count: (body: JsonObject) => Promise<number>) {}

  /** Null where a part is not known: then the request itself has to be counted. */
  async of(
    { plan, request }: { plan: Pick<GraphPlan, 'inputTokens'>; request: JsonObject },
    node: StepNode,
    outputs: ReadonlyMap<string, StepOutput>,
  ): Promise<number | null> {
    const { inputTokens } = plan;
    const quoted = quotedSteps(node, outputs).map((id) => outputs.get(id)?.tokens);
    if (inputTokens === undefined || quoted.length === 0) return null;
    let sum = inputTokens + (await this.frame(node, request, outputs));
    for (const tokens of quoted) {
      if (tokens === undefined) return null;
      sum += tokens;
    }
    return sum;
  }

  /** Our own words: the step's request without what anybody else has said. */
  private async frame(node: StepNode, request: JsonObject, outputs: ReadonlyMap<string, StepOutput>): Promise<number> {
    const unsaid = new Map([...outputs].map(([id, output]) => [id, { ...output, text: UNSAID }]));
    const messages = Array.isArray(request.messages) ? (request.messages as JsonObject[]) : [];
    const silent = { messages: messages.map(({ role }) => ({ role, content: UNSAID })) };
    const body = buildStepRequest({ node, request: silent, outputs: unsaid, quoteCharacters: null });
    const words = JSON.stringify(body);
    const known = this.frames.get(words);
    if (known !== undefined) return known;
    const tokens = await this.count(body);
    if (this.frames.size < MOST_FRAMES) this.frames.set(words, tokens);
    return tokens;
  }
}
