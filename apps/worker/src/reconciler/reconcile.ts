import { attemptId } from '#contracts/queue-payloads.js';
import { answerCallId } from '#jobs/job-record.js';
import { reconcileGraph, type ReconcileGraphDeps } from './reconcile-graph.js';

/** Jobs looked at in one pass, and how many of them at the same time. */
const PASS_SIZE = 500;
const AT_ONCE = 25;

export type ReconcileDeps = ReconcileGraphDeps;

/** What a pass did; for the log and for tests. */
export interface PassReport {
  looked: number;
  ended: number;
  requeued: number;
  /** Jobs that could not be looked at; each is tried again in a later pass. */
  troubled: number;
}

/**
 * One pass over the unfinished jobs that are due to be looked at: expires those past their deadline, cancels synchronous
 * ones whose API process is gone, and enqueues the next attempt of any whose attempt the queue has lost.
 */
export async function reconcile(deps: ReconcileDeps): Promise<PassReport> {
  const report: PassReport = { looked: 0, ended: 0, requeued: 0, troubled: 0 };
  const due = await deps.unfinished.due(PASS_SIZE);
  for (let start = 0; start < due.length; start += AT_ONCE) {
    const looks = due.slice(start, start + AT_ONCE).map((jobId) => lookAt(jobId, { deps, report }));
    // One record that cannot be read must not hold up all the others.
    for (const look of await Promise.allSettled(looks)) {
      if (look.status === 'rejected' && report.troubled++ === 0)
        deps.logger.error({ err: look.reason as unknown }, 'a job could not be looked at');
    }
  }
  if (report.ended + report.requeued + report.troubled > 0) deps.logger.info(report, 'reconciled');
  return report;
}

async function lookAt(jobId: string, { deps, report }: { deps: ReconcileDeps; report: PassReport }): Promise<void> {
  const seen = await deps.unfinished.look(jobId);
  report.looked += 1;
  if (seen.kind === 'ended') report.ended += 1;
  if (seen.kind === 'graph' && (await reconcileGraph(jobId, deps))) report.requeued += 1;
  if (seen.kind !== 'waiting') return;
  const lost = { jobId, callId: answerCallId(jobId), attempt: seen.attempt };
  const found = await deps.queues.find(seen.pool, attemptId(lost.callId, lost.attempt));
  if (found === 'live') return;
  const attempt = await deps.unfinished.requeue(lost, found);
  if (attempt === null) return;
  await deps.queues.enqueue({ ...lost, attempt }, { pool: seen.pool });
  report.requeued += 1;
  deps.logger.warn({ jobId, attempt }, `the attempt before was ${found}; enqueued the next`);
}
