import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { graphId } from '#contracts/queue-payloads.js';
import { FIRST_ASK, type Ask, type Graph, type GraphStep } from '#jobs/graph-record.js';
import type { GraphStore } from '#jobs/graph-store.js';
import type { PlannedCall, StepPlanner } from '#planner/step-planner.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { outputInvalid } from './output-invalid.js';

export interface OpenStepDeps {
  graphs: GraphStore;
  planner: StepPlanner;
  queues: AttemptQueues;
}

/** Opens a step's next call: it is planned now that the steps before have ended. */
export class OpenStep {
  constructor(private readonly deps: OpenStepDeps) {}

  /**
   * Opens the call, commits with it the ends of the steps `after` which it comes, and enqueues its first attempt as a child of the
   * graph. `failed`: nobody can take it, and with that the step has ended in `graph`; the caller commits it. `known`: somebody else
   * was first, and the graph must be read again.
   */
  async open(
    graph: Graph,
    step: GraphStep,
    { ask = FIRST_ASK, after = [] }: { ask?: Ask; after?: readonly GraphStep[] } = {},
  ): Promise<'opened' | 'failed' | 'known'> {
    let call: PlannedCall;
    try {
      call = await this.deps.planner.plan(graph, step, ask);
    } catch (error) {
      if (!(error instanceof TokenhubError)) throw error;
      return failed(step, whyNot(ask, error));
    }
    const parent = graphId(graph.jobId, graph.build);
    const reply = await this.deps.graphs.openCall(graph, step, { ...call, parent }, after);
    if (reply.kind === 'over_budget') return failed(step, OVER_BUDGET);
    if (reply.kind !== 'opened') return 'known';
    const pool = call.plan.candidates[0]?.pool ?? '';
    await this.deps.queues.enqueue(
      { jobId: graph.jobId, callId: reply.callId, attempt: 1, parent },
      { pool, turn: reply.turn },
    );
    step.state = 'in_progress';
    step.callId = reply.callId;
    step.call = null;
    step.calls += 1;
    step.estimatedCostNano = call.estimatedCostNano;
    return 'opened';
  }
}

/** An answer that nobody could give in the right form is worth more to its reader than the reason why nobody else was asked. */
function whyNot(ask: Ask, { code, message }: TokenhubError): PublicError {
  if (ask.why === 'stronger' && ask.rejected) return outputInvalid(ask.rejected);
  return { code, message, class: null, providerStatus: null };
}

const OVER_BUDGET: PublicError = {
  code: 'budget_exceeded',
  message: 'No budget of the key or its project has room for the next call.',
  class: null,
  providerStatus: null,
};

function failed(step: GraphStep, error: PublicError): 'failed' {
  step.state = 'failed';
  step.error = error;
  return 'failed';
}
