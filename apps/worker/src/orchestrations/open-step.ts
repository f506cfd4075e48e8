import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { graphId } from '#contracts/queue-payloads.js';
import { FIRST_ASK, type Ask, type Graph, type GraphStep } from '#jobs/graph-record.js';
import type { GraphStore, StepEnd } from '#jobs/graph-store.js';
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
   * Opens the call and enqueues its first attempt as a child of the graph, or fails the step when nobody can take it. True when
   * `graph` was changed accordingly; false when it must be read again.
   */
  async open(graph: Graph, step: GraphStep, ask = FIRST_ASK): Promise<boolean> {
    let call: PlannedCall;
    try {
      call = await this.deps.planner.plan(graph, step, ask);
    } catch (error) {
      if (!(error instanceof TokenhubError)) throw error;
      return this.fail(graph, step, ask, error);
    }
    const parent = graphId(graph.jobId, graph.build);
    const reply = await this.deps.graphs.openCall(graph, step, { ...call, parent });
    if (reply.kind !== 'opened') return false;
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
    return true;
  }

  /** An answer that nobody could give in the right form is worth more to its reader than the reason why nobody else was asked. */
  private async fail(graph: Graph, step: GraphStep, ask: Ask, cause: TokenhubError): Promise<boolean> {
    const error: PublicError =
      ask.why === 'stronger' && ask.rejected
        ? outputInvalid(ask.rejected)
        : { code: cause.code, message: cause.message, class: null, providerStatus: null };
    const end: StepEnd = { state: 'failed', error };
    if (!(await this.deps.graphs.finishStep(graph.jobId, step, end))) return false;
    step.state = 'failed';
    step.error = error;
    return true;
  }
}
