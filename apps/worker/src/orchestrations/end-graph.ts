import type { PublicError } from '#contracts/attempt.js';
import { ERROR_CATALOGUE } from '#contracts/error-catalogue.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { StepOutput } from '#contracts/orchestration.js';
import type { OutputDelta } from '#contracts/output-delta.js';
import type { Graph, GraphStep } from '#jobs/graph-record.js';
import type { GraphEnd, GraphStore } from '#jobs/graph-store.js';
import { resultOf } from '#orchestration/result-of.js';

/** Ends a job that is a graph: with the artifacts of its steps, or with an error beside which they can still be read. */
export class EndGraph {
  constructor(private readonly graphs: GraphStore) {}

  /**
   * Completes the job, and commits with it the ends of the steps `after` which it ends; `final` is the step whose answer is the
   * job's. True when `graph` says so afterwards; false when it must be read again.
   */
  async complete(
    graph: Graph,
    { final, skipped }: { final: string; skipped: readonly string[] },
    after: readonly GraphStep[],
  ): Promise<boolean> {
    const step = graph.steps.find(({ id }) => id === final);
    const output = step?.output;
    if (!step || !output?.completion) throw new RangeError(`step ${final} has no completion`);
    const states = new Map(graph.steps.map((one) => [one.id, one]));
    const { orchestration, nodes } = graph.plan;
    const result = orchestration === null ? output.completion : resultOf(orchestration, nodes, states, final);
    const { model, provider } = output;
    const end: GraphEnd = {
      ...{ state: 'completed', body: JSON.stringify(result), model, provider },
      ...{ delta: deltaOf(step, output), skipped },
    };
    return this.finish(graph, end, after);
  }

  /** Fails the job; answers as `complete` does. */
  async fail(
    graph: Graph,
    error: PublicError,
    { skipped = [], after = [] }: { skipped?: readonly string[]; after?: readonly GraphStep[] } = {},
  ): Promise<boolean> {
    const body = JSON.stringify(error);
    return this.finish(graph, { state: 'failed', body, model: '', provider: '', delta: null, skipped }, after);
  }

  private async finish(graph: Graph, end: GraphEnd, after: readonly GraphStep[]): Promise<boolean> {
    const committed = await this.graphs.finish(graph, end, after);
    if (committed) graph.state = end.state;
    return committed;
  }

  /** Fails a job in whose graph something goes wrong that nobody foresaw; nothing of it is read for that. */
  async abandon(jobId: string): Promise<void> {
    const { title: message } = ERROR_CATALOGUE.internal_error;
    const body = JSON.stringify({ code: 'internal_error', message, class: null, providerStatus: null });
    const end: GraphEnd = { state: 'failed', body, model: '', provider: '', delta: null, skipped: [] };
    await this.graphs.finish({ jobId, plan: { stream: false } }, end);
  }
}

/** What turned out to be the job's answer only now was not streamed as it came: nor was that of a step that ended before. */
function deltaOf({ id, call }: GraphStep, { completion }: StepOutput): string | null {
  if (call?.streamed || completion === null) return null;
  const { choices, ...envelope } = completion;
  const delta: OutputDelta = {
    attempt: call?.attempt ?? 1,
    step: id,
    choices: (Array.isArray(choices) ? choices : []).filter(isJsonObject).map(asDelta),
    envelope: withoutUsage(envelope),
  };
  return JSON.stringify(delta);
}

function asDelta(choice: JsonObject, index: number): OutputDelta['choices'][number] {
  const { message, finish_reason: reason } = choice;
  return {
    index: typeof choice.index === 'number' ? choice.index : index,
    delta: isJsonObject(message) ? withIndexedCalls(message) : {},
    finish_reason: typeof reason === 'string' ? reason : 'stop',
  };
}

/** A streamed tool call says which of the message's it is. */
function withIndexedCalls(message: JsonObject): JsonObject {
  const { tool_calls: calls } = message;
  if (!Array.isArray(calls)) return message;
  return { ...message, tool_calls: calls.filter(isJsonObject).map((call, index) => ({ index, ...call })) };
}

function withoutUsage(envelope: JsonObject): JsonObject {
  const { usage: _usage, ...rest } = envelope;
  return { ...rest, object: 'chat.completion.chunk' };
}
