import type { Delivery } from '#contracts/webhook.js';
import { eventId } from '#webhooks/event-body.js';
import { iso } from './endpoint-secret.js';

/** A delivery as its project sees it. */
export function deliveryView(delivery: Delivery): Record<string, unknown> & { id: string } {
  const { id, jobId, endpoint, url, state, at, status, reason, nextAt, endedAt, heldBy, tries } = delivery;
  return {
    ...{ object: 'webhook_delivery', id, endpoint, ...(endpoint === null && { url }) },
    ...{ event: `job.${state}`, event_id: eventId(jobId, `job.${state}`), job: jobId, state: status },
    ...{
      created_at: iso(at),
      ended_at: optional(endedAt),
      next_try_at: optional(status === 'pending' ? nextAt : null),
    },
    ...{ waiting_for: status === 'pending' ? heldBy : null, error: status === 'delivered' ? null : reason },
    tries: tries.map((one) => ({
      ...{ at: iso(one.at), status: one.httpStatus, duration_ms: one.durationMs, error: one.error },
    })),
  };
}

function optional(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
