import { TokenhubError } from '#contracts/error-catalogue.js';
import type { DeliveryPayload } from '#contracts/queue-payloads.js';
import type { Delivery, DeliveryTry, MadeEndpoint } from '#contracts/webhook.js';
import type { HttpClient } from '#http/http-client.js';
import type { JobStore } from '#jobs/job-store.js';
import type { Logger } from '#platform/logging.js';
import { RetryLater } from '#queues/webhook-worker.js';
import { isNowhere, type DeliveryStore, type Failing, type TryReport } from '#webhooks/delivery-store.js';
import type { EndpointMarks, EndpointName } from '#webhooks/endpoint-marks.js';
import { eventBody, eventId, LARGEST_BODY } from '#webhooks/event-body.js';
import { failedBecause, type Verdict } from '#webhooks/judge-answer.js';
import { sendWebhook } from '#webhooks/send-webhook.js';
import type { FoundTarget, Hold, TargetDirectory } from '#webhooks/target-directory.js';
import type { EndpointDisabler } from './endpoint-disabler.js';
import { EndpointSlots, type Receiver } from './endpoint-slots.js';
import { NextLooks } from './next-looks.js';
import { delayAfter, MOST_TRIES } from './retry-schedule.js';

export interface DeliverDeps {
  deliveries: DeliveryStore;
  marks: EndpointMarks;
  targets: TargetDirectory;
  disabler: EndpointDisabler;
  jobs: Pick<JobStore, 'readUpTo'>;
  /** Guarded: it calls no address that a stranger must not make us call. */
  http: HttpClient;
  logger: Logger;
  random: () => number;
}

/** For as long as a finished job with targets is kept: what has waited for longer ends with a reason, and can be redelivered. */
const LONGEST_HELD_MS = 24 * 3_600_000;

const HELD_TOO_LONG: Record<Hold, string> = {
  vault: 'vault_locked',
  settings: 'endpoints_unknown',
  history: 'store_unavailable',
  receiver: 'receiver_busy',
};

type Ready = Extract<FoundTarget, { kind: 'ready' }>;

/** A try that was made. */
interface Tried {
  verdict: Verdict;
  made: DeliveryTry;
}

/** Makes one try of a delivery and writes down how it went; throws `RetryLater` when another is to follow. */
export class Deliver {
  private readonly closing = new AbortController();
  private readonly slots = new EndpointSlots();
  private readonly nextLooks = new NextLooks();

  constructor(private readonly deps: DeliverDeps) {}

  async run({ deliveryId, round = 1 }: DeliveryPayload): Promise<void> {
    const { deliveries, targets } = this.deps;
    const delivery = await deliveries.read(deliveryId);
    // Sent by a run that died before BullMQ heard of it, enqueued twice, or begun anew since.
    if (delivery?.status !== 'pending' || delivery.round !== round) return;
    // Begun anew after a crash between writing down a failure and going to wait.
    const earlyMs = (delivery.nextAt ?? 0) - Date.now();
    if (earlyMs > 0) throw new RetryLater(earlyMs);
    const target = await targets.find(delivery);
    switch (target.kind) {
      case 'removed':
        await this.giveUp(delivery, unmade(delivery, 'endpoint_removed'));
        return;
      case 'disabled':
        await this.giveUp(delivery, unmade(delivery, 'endpoint_disabled'));
        return;
      case 'held':
        return this.hold(delivery, target.by);
      case 'fault': {
        const { fault, cause } = target;
        if (cause !== undefined)
          this.deps.logger.error({ err: cause, ...about(delivery) }, 'a secret cannot be opened');
        const verdict = failedBecause(`secret_${fault}`);
        return this.failed(delivery, { tried: { verdict, made: untried(verdict) }, made: null });
      }
      case 'ready':
        return this.deliver(delivery, target);
    }
  }

  /** Breaks off what is being sent, for another worker to send again; that uses up no try. */
  giveBack(): void {
    this.closing.abort();
  }

  private async deliver(delivery: Delivery, target: Ready): Promise<void> {
    const { marks, disabler } = this.deps;
    const { url, made } = target;
    const name = delivery.endpoint === null ? null : { project: delivery.project, endpoint: delivery.endpoint };
    const mark = name && (await marks.find(name, { url, sinceMs: made?.armedAtMs ?? 0 }));
    if (mark) {
      await this.giveUp(delivery, unmade(delivery, 'endpoint_disabled'));
      // What is stored of it may not say so yet.
      if (made) await disabler.store(made, mark);
      return;
    }
    const slot = this.slots.take(receiverOf(delivery, url));
    if (slot.kind === 'none') return this.hold(delivery, 'receiver', slot.of);
    const tried = await this.send(delivery, target).finally(slot.letGo);
    if (tried === 'history') return this.hold(delivery, tried);
    return this.judged(delivery, { name, target, tried });
  }

  private async judged(
    delivery: Delivery,
    { name, target: { url, made }, tried }: { name: EndpointName | null; target: Ready; tried: Tried },
  ): Promise<void> {
    const { deliveries, disabler } = this.deps;
    const { verdict } = tried;
    const attempt = delivery.attempts + 1;
    switch (verdict.kind) {
      case 'delivered':
        return deliveries.delivered(delivery, {
          attempt,
          made: tried.made,
          httpStatus: verdict.status,
          reason: null,
          nextAt: null,
          receiverFailed: false,
        });
      case 'gone': {
        if (name) await disabler.disable(name, { url, made, reason: 'http_410', lastError: 'http_410' });
        const report = { attempt, made: tried.made, httpStatus: verdict.status, reason: 'http_410' };
        await this.giveUp(delivery, { ...report, receiverFailed: true });
        return;
      }
      case 'failed':
        return this.failed(delivery, { tried, made });
    }
  }

  private async send(delivery: Delivery, { url, secrets }: Ready): Promise<Tried | 'history'> {
    const at = Date.now();
    try {
      const body = eventBody(delivery, await this.deps.jobs.readUpTo(delivery.jobId, LARGEST_BODY));
      const id = eventId(delivery.jobId, `job.${delivery.state}`);
      const { signal } = this.closing;
      const { verdict, durationMs } = await sendWebhook(this.deps.http, { url, id, body, secrets, signal });
      if (verdict === 'aborted') throw new RetryLater(0);
      return { verdict, made: { at, durationMs, ...outcomeOf(verdict) } };
    } catch (error) {
      if (error instanceof RetryLater) throw error;
      // What it tells of is only there: sent now, it would tell less than it could.
      if (error instanceof TokenhubError && error.code === 'store_unavailable') return 'history';
      this.deps.logger.error({ err: error, delivery: delivery.id }, 'a webhook could not be sent');
      const verdict = failedBecause('internal_error');
      return { verdict, made: untried(verdict) };
    }
  }

  /** It is no try: nothing was sent. It looks again later, in this line, until it has waited for too long. */
  private async hold(delivery: Delivery, by: Hold, line = ` ${by}`): Promise<void> {
    const heldMs = await this.deps.deliveries.held(delivery, by);
    if (heldMs === null) return;
    if (heldMs < LONGEST_HELD_MS) throw new RetryLater(this.nextLooks.delayMs(line));
    await this.giveUp(delivery, unmade(delivery, HELD_TOO_LONG[by]));
  }

  /** The next try, or the end; and perhaps the end of its endpoint. */
  private async failed(
    delivery: Delivery,
    { tried: { verdict, made: tried }, made }: { tried: Tried; made: MadeEndpoint | null },
  ): Promise<void> {
    if (verdict.kind !== 'failed') throw new TypeError(`${verdict.kind} is no failure`);
    const { status: httpStatus, reason, retryAfterMs, overloaded } = verdict;
    const attempt = delivery.attempts + 1;
    const report = { attempt, made: tried, httpStatus, reason, receiverFailed: isReceivers(reason) };
    if (attempt >= MOST_TRIES) {
      const failing = await this.giveUp(delivery, report);
      return this.disableFailing(made, { failing, lastError: reason });
    }
    const delayMs = delayAfter({ attempt, retryAfterMs, overloaded }, this.deps.random());
    const failing = await this.deps.deliveries.postponed(delivery, { ...report, nextAt: Date.now() + delayMs });
    this.deps.logger.info({ ...about(delivery), attempt, httpStatus, reason, delayMs }, 'webhook failed; trying again');
    await this.disableFailing(made, { failing, lastError: reason });
    throw new RetryLater(delayMs);
  }

  /** Declared endpoints are the operator's: only their receiver ends them. */
  private async disableFailing(
    made: MadeEndpoint | null,
    { failing, lastError }: { failing: Failing | null; lastError: string },
  ): Promise<void> {
    if (made && failing) await this.deps.disabler.disableFailing(made, { ...failing, lastError });
  }

  private async giveUp(delivery: Delivery, report: Omit<TryReport, 'nextAt'>): Promise<Failing | null> {
    const failing = await this.deps.deliveries.dead(delivery, { ...report, nextAt: null });
    const { attempt, httpStatus, reason } = report;
    // What was never tried says nothing new: every job of a project with a dead endpoint has one.
    const level = isNowhere(reason) && delivery.tries.length === 0 ? 'debug' : 'warn';
    if (failing) this.deps.logger[level]({ ...about(delivery), attempt, httpStatus, reason }, 'webhook given up');
    return failing;
  }
}

/** An endpoint of a project, or, of the URLs that jobs name, a project's at one host. */
function receiverOf({ project, endpoint }: Delivery, url: string): Receiver {
  return { project, name: endpoint ?? ` ${new URL(url).origin}` };
}

/** What is given up without a try. */
function unmade({ attempts }: Delivery, reason: string): Omit<TryReport, 'nextAt'> {
  return { attempt: attempts, made: null, httpStatus: null, reason, receiverFailed: false };
}

/** A try that failed before anything was sent. */
function untried(verdict: Verdict): DeliveryTry {
  return { at: Date.now(), durationMs: 0, ...outcomeOf(verdict) };
}

function outcomeOf(verdict: Verdict): Pick<DeliveryTry, 'httpStatus' | 'error'> {
  switch (verdict.kind) {
    case 'delivered':
      return { httpStatus: verdict.status, error: null };
    case 'gone':
      return { httpStatus: verdict.status, error: 'http_410' };
    case 'failed':
      return { httpStatus: verdict.status, error: verdict.reason };
  }
}

/** False for what we, and not the receiver, have done wrong. */
function isReceivers(reason: string): boolean {
  return reason !== 'internal_error' && !reason.startsWith('secret_');
}

/** Not the URL: a job's own may hold a token. */
function about({ id, jobId, project, endpoint }: Delivery): Record<string, string | null> {
  return { delivery: id, jobId, project, endpoint };
}
