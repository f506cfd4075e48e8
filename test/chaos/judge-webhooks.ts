import type { Evidence } from './evidence.ts';

export interface WebhooksVerdict {
  /** Ended jobs that were told of by exactly one event. */
  told: number;
  /** Arrivals beyond the first of an event: a sender that died may not know that it was heard. */
  toldAgain: number;
  broken: string[];
}

/** Looks at what the receiver of webhooks heard: of each ended job one event, however often, and none that is not signed. */
export function judgeWebhooks({ lastRead, deliveries }: Evidence): WebhooksVerdict {
  const verdict: WebhooksVerdict = { told: 0, toldAgain: 0, broken: [] };
  const byJob = Map.groupBy(deliveries, ({ jobId }) => jobId);
  for (const { jobId, signed } of deliveries) {
    if (!signed) verdict.broken.push(`${jobId}: a webhook arrived whose signature does not hold`);
  }
  for (const [id, { state, finished_at: end }] of lastRead) {
    if (end === null) continue;
    const heard = byJob.get(id) ?? [];
    const events = new Set(heard.map(({ webhookId, type }) => `${webhookId} ${type}`));
    if (events.size === 1 && heard[0]?.type === `job.${state}`) verdict.told++;
    else verdict.broken.push(`${id}: ended ${state}, and its webhooks said ${[...events].join(' and ') || 'nothing'}`);
    verdict.toldAgain += Math.max(heard.length - events.size, 0);
  }
  return verdict;
}
