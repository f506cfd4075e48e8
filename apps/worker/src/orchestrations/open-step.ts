import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { stepId } from '#contracts/queue-payloads.js';
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

/** The step that drives a graph at this moment. */
export interface Driver {
  step: string;
  /** Its BullMQ id. */
  id: string;
  /** It is the parent of attempts, whether or not they are its own step's: it cannot end before they have. */
  hasChildren: boolean;
}

/** Opens a step's next call: it is planned now that the steps before have ended. */
export class OpenStep {
  constructor(private readonly deps: OpenStepDeps) {}

  /**
   * Opens the call and enqueues its first attempt as a child of the step, or fails the step when nobody can take it. True when
   * `graph` was changed accordingly; false when it must be read again.
   */
  async open(graph: Graph, step: GraphStep, by: Driver, ask = FIRST_ASK): Promise<boolean> {
    let call: PlannedCall;
    try {
      call = await this.deps.planner.plan(graph, step, ask);
    } catch (error) {
      if (!(error instanceof TokenhubError)) throw error;
      return this.fail(graph, step, reasonOf(error, ask));
    }
    const parent = parentOf(graph, step, by);
    const reply = await this.deps.graphs.openCall(graph, step, { ...call, parent });
    if (reply.kind === 'over_budget') return this.fail(graph, step, OVER_BUDGET);
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

  private async fail(graph: Graph, step: GraphStep, error: PublicError): Promise<boolean> {
    const end: StepEnd = { state: 'failed', error };
    if (!(await this.deps.graphs.finishStep(graph.jobId, step, end))) return false;
    step.state = 'failed';
    step.error = error;
    return true;
  }
}

/** An answer that nobody could give in the right form is worth more to its reader than the reason why nobody else was asked. */
function reasonOf({ code, message }: TokenhubError, ask: Ask): PublicError {
  if (ask.why === 'stronger' && ask.rejected) return outputInvalid(ask.rejected);
  return { code, message, class: null, providerStatus: null };
}

const OVER_BUDGET: PublicError = {
  code: 'budget_exceeded',
  message: 'No budget of the key or its project has room for the next call.',
  class: null,
  providerStatus: null,
};

/** Usually the step itself; where steps were lost, whoever drives the graph takes the place of all. */
function parentOf({ jobId, build }: Graph, { id }: GraphStep, by: Driver): string {
  if (by.step !== id && build === 1) return stepId({ jobId, step: id }, 1);
  by.hasChildren = true;
  return by.id;
}
