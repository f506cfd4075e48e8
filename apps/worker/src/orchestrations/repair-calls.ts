import { attemptId } from '#contracts/queue-payloads.js';
import type { Graph } from '#jobs/graph-record.js';
import type { GraphStore } from '#jobs/graph-store.js';
import type { UnfinishedJobs } from '#jobs/unfinished-jobs.js';
import type { Logger } from '#platform/logging.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';

export interface RepairDeps {
  graphs: GraphStore;
  unfinished: UnfinishedJobs;
  queues: AttemptQueues;
  logger: Logger;
}

/**
 * Enqueues anew the attempt of each unfinished call that the queues have lost, as a child of `parent`, so that this graph is woken when
 * it ends; null: of the one that was to be woken before. Answers how many there were.
 */
export async function repairCalls(graph: Graph, parent: string | null, deps: RepairDeps): Promise<number> {
  const { jobId } = graph;
  let repaired = 0;
  for (const step of graph.steps.filter(({ state }) => state === 'in_progress')) {
    const call = await deps.graphs.call(step);
    if (call?.outcome !== null || step.callId === null) continue;
    const { pool } = call;
    const lost = { jobId, callId: step.callId, attempt: call.attempt };
    const found = await deps.queues.find(pool, attemptId(lost.callId, lost.attempt));
    if (found === 'live') continue;
    // BullMQ's graph still waits for the very attempt that was lost; one that failed it has let go of, and takes no second time.
    const attempt = found === 'lost' ? lost.attempt : await deps.unfinished.requeue(lost, found);
    if (attempt === null) continue;
    if (parent !== null) await deps.graphs.adopt(lost.callId, parent);
    await deps.queues.enqueue({ ...lost, attempt, parent: parent ?? call.parent }, { pool });
    repaired += 1;
    deps.logger.warn({ jobId, step: step.id, attempt }, `an attempt was ${found}; enqueued it anew`);
  }
  return repaired;
}
