import { isTerminal } from '#contracts/job-state.js';
import type { Graph } from '#jobs/graph-record.js';
import type { StepQueue } from '#queues/step-queue.js';
import { repairCalls, type RepairDeps } from '../orchestrations/repair-calls.js';

export interface ReconcileGraphDeps extends RepairDeps {
  steps: StepQueue;
}

/**
 * Looks whether the queues still have what a graph waits for. A lost step is put back in its place, a lost attempt is enqueued
 * anew; where the last step was lost, one is enqueued that drives the whole graph to its end. True when there was something to
 * repair.
 */
export async function reconcileGraph(jobId: string, deps: ReconcileGraphDeps): Promise<boolean> {
  const graph = await deps.graphs.read(jobId);
  const last = graph?.steps.at(-1);
  if (graph === null || last === undefined || isTerminal(graph.state)) return false;
  const { build, priority } = graph;
  if ((await deps.steps.find({ jobId, step: last.id }, build)) === 'live') {
    const restored = build === 1 ? await restoreSteps(graph, deps) : 0;
    return restored > 0 || (await repairCalls(graph, null, deps)) > 0;
  }
  const next = await deps.graphs.rebuild(jobId);
  if (next === null) return false;
  await deps.steps.enqueueAgain({ jobId, step: last.id }, next, priority);
  deps.logger.warn({ jobId, build: next }, 'steps were lost; enqueued one that drives the graph');
  return true;
}

/** Each step that is in progress or could be must be there; what BullMQ has failed is done by the step after it. */
async function restoreSteps(graph: Graph, deps: ReconcileGraphDeps): Promise<number> {
  const { steps } = graph;
  const ended = new Set(
    steps.filter(({ state }) => state !== 'pending' && state !== 'in_progress').map(({ id }) => id),
  );
  const due = steps.filter(({ id, needs }) => !ended.has(id) && needs.every((need) => ended.has(need)));
  let restored = 0;
  for (const { id } of due) restored += await restoreStep(graph, id, deps);
  return restored;
}

/** The step after a lost one first, should it be lost, too: the last one is there. */
async function restoreStep(graph: Graph, id: string, deps: ReconcileGraphDeps): Promise<number> {
  const { jobId, steps, priority } = graph;
  const after = steps.find(({ needs }) => needs.includes(id));
  if (after === undefined || (await deps.steps.find({ jobId, step: id }, 1)) !== 'lost') return 0;
  const restored = await restoreStep(graph, after.id, deps);
  await deps.steps.restore({ jobId, step: id }, { jobId, step: after.id }, priority);
  deps.logger.warn({ jobId, step: id }, 'a step was lost; enqueued it anew');
  return restored + 1;
}
