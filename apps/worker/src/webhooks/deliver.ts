import { Webhook } from 'standardwebhooks';
import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import type { HttpHead } from '#http/http-request.js';
import type { JobStore } from '#jobs/job-store.js';
import type { Logger } from '#platform/logging.js';
import { RetryLater } from '#queues/webhook-worker.js';
import type { Delivery, DeliveryStore, TryReport } from './delivery-store.js';
import { eventBody, eventId } from './event-body.js';
import { failedBecause, judgeAnswer, type Verdict } from './judge-answer.js';
import { delayAfter, MOST_TRIES } from './retry-schedule.js';
import type { TargetDirectory } from './target-directory.js';

/** A receiver must open a connection and answer within these; a stalled body counts too. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 15_000;

/** How soon a delivery is brought again whose secret lies in a vault that is locked. */
const LOCKED_MS = 2_000;

/** More of an answer is not read. */
const ANSWER_BYTES = 64 * 1024;

export interface DeliverDeps {
  deliveries: DeliveryStore;
  targets: TargetDirectory;
  jobs: Pick<JobStore, 'read'>;
  /** Guarded: it calls no address that a stranger must not make us call. */
  http: HttpClient;
  logger: Logger;
  random: () => number;
}

/** Makes one try of a delivery and writes down how it went; throws `RetryLater` when another is to follow. */
export class Deliver {
  private readonly closing = new AbortController();

  constructor(private readonly deps: DeliverDeps) {}

  async run(deliveryId: string): Promise<void> {
    const { deliveries } = this.deps;
    const delivery = await deliveries.read(deliveryId);
    // Sent by a run that died before BullMQ heard of it, or enqueued twice.
    if (delivery?.status !== 'pending') return;
    // Begun anew after a crash between writing down a failure and going to wait.
    const earlyMs = (delivery.nextAt ?? 0) - Date.now();
    if (earlyMs > 0) throw new RetryLater(earlyMs);
    const attempt = delivery.attempts + 1;
    const target = this.deps.targets.find(delivery);
    if (target === null) return this.giveUp(delivery, { attempt, httpStatus: null, reason: 'endpoint_removed' });
    if (await deliveries.isDisabled(delivery, target.url)) {
      return this.giveUp(delivery, { attempt, httpStatus: null, reason: 'endpoint_disabled' });
    }
    // That an administrator has locked the vault is no failure of the receiver's: it uses up no try.
    if ('fault' in target && target.fault === 'unavailable') throw new RetryLater(LOCKED_MS);
    const verdict = 'fault' in target ? failedBecause(`secret_${target.fault}`) : await this.send(delivery, target);
    switch (verdict.kind) {
      case 'delivered':
        return deliveries.delivered(delivery, { attempt, httpStatus: verdict.status, reason: null, nextAt: null });
      case 'gone':
        if (delivery.endpoint !== null) await deliveries.disable(delivery, { url: target.url, reason: 'http_410' });
        return this.giveUp(delivery, { attempt, httpStatus: verdict.status, reason: 'http_410' });
      case 'failed':
        return this.postpone(delivery, { attempt, verdict });
    }
  }

  /** Breaks off what is being sent, for another worker to send again; that uses up no try. */
  giveBack(): void {
    this.closing.abort();
  }

  private async send(delivery: Delivery, { url, secret }: { url: string; secret: string }): Promise<Verdict> {
    let head: HttpHead | undefined;
    try {
      const body = eventBody(delivery, await this.deps.jobs.read(delivery.jobId));
      const now = Date.now();
      return judgeAnswer(
        await this.deps.http.send({
          method: 'POST',
          url,
          headers: signedHeaders(eventId(delivery.jobId, `job.${delivery.state}`), { body, secret, now }),
          body,
          connectMs: CONNECT_MS,
          wait: { kind: 'answer', ms: ANSWER_MS },
          deadlineMs: now + CONNECT_MS + ANSWER_MS,
          signal: this.closing.signal,
          cutBodyAt: ANSWER_BYTES,
          onHead: (seen) => (head = seen),
        }),
      );
    } catch (error) {
      // The receiver has said what it thinks; how the rest of its answer breaks changes nothing.
      if (head !== undefined) return judgeAnswer(head);
      if (error instanceof HttpError && error.kind === 'aborted') throw new RetryLater(0);
      if (error instanceof HttpError) return failedBecause(error.kind);
      this.deps.logger.error({ err: error, delivery: delivery.id }, 'a webhook could not be sent');
      return failedBecause('internal_error');
    }
  }

  private async postpone(
    delivery: Delivery,
    { attempt, verdict }: { attempt: number; verdict: Extract<Verdict, { kind: 'failed' }> },
  ): Promise<void> {
    const { status: httpStatus, reason, retryAfterMs, overloaded } = verdict;
    if (attempt >= MOST_TRIES) return this.giveUp(delivery, { attempt, httpStatus, reason });
    const delayMs = delayAfter({ attempt, retryAfterMs, overloaded }, this.deps.random());
    await this.deps.deliveries.postponed(delivery, { attempt, httpStatus, reason, nextAt: Date.now() + delayMs });
    this.deps.logger.info({ ...about(delivery), attempt, httpStatus, reason, delayMs }, 'webhook failed; trying again');
    throw new RetryLater(delayMs);
  }

  private async giveUp(delivery: Delivery, report: Omit<TryReport, 'nextAt'>): Promise<void> {
    await this.deps.deliveries.dead(delivery, { ...report, nextAt: null });
    this.deps.logger.warn({ ...about(delivery), ...report }, 'webhook given up');
  }
}

/** The headers of Standard Webhooks; the time is that of this try. */
export function signedHeaders(
  id: string,
  { body, secret, now }: { body: string; secret: string; now: number },
): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': 'tokenhub-webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(now), body),
  };
}

/** Not the URL: a job's own may hold a token. */
function about({ id, jobId, project, endpoint }: Delivery): Record<string, string | null> {
  return { delivery: id, jobId, project, endpoint };
}
