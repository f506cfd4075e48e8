import { isTerminal } from '#contracts/job-state.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import { repairCalls, type RepairDeps } from '../orchestrations/repair-calls.js';

export interface ReconcileGraphDeps extends RepairDeps {
  graphQueue: GraphQueue;
}

/**
 * Looks whether the queues still have what a graph waits for: an attempt that was lost is enqueued anew, and so is the graph itself,
 * which then finds out what is left to do. True when there was something to repair.
 */
export async function reconcileGraph(jobId: string, deps: ReconcileGraphDeps): Promise<boolean> {
  const graph = await deps.graphs.read(jobId);
  if (graph === null || isTerminal(graph.state)) return false;
  const { build, priority } = graph;
  if ((await deps.graphQueue.find(jobId, build)) === 'live') return (await repairCalls(graph, null, deps)) > 0;
  const next = await deps.graphs.rebuild(jobId);
  if (next === null) return false;
  await deps.graphQueue.enqueue(jobId, { build: next, priority });
  deps.logger.warn({ jobId, build: next }, 'a graph was lost; enqueued it anew');
  return true;
}
