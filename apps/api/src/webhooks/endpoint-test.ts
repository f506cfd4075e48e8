import { randomBytes } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { HttpClient } from '#http/http-client.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { sendWebhook, type Sent } from '#webhooks/send-webhook.js';
import type { FoundTarget, TargetDirectory } from '#webhooks/target-directory.js';
import type { EndpointDesk } from './endpoint-desk.js';

/** A test calls a server at a client's wish: not more often than this. */
const APART_MS = 1_000;

export const TEST_EVENT = 'webhook_endpoint.test';

export interface EndpointTestDeps {
  endpoints: Pick<EndpointDesk, 'find'>;
  targets: Pick<TargetDirectory, 'find' | 'opened'>;
  /** Guarded: it calls no address that a stranger must not make us call. */
  http: HttpClient;
  redis: RedisClient;
}

/** Sends an endpoint a signed event that tells of nothing, also while it is disabled, and says how that went. */
export class EndpointTest {
  constructor(private readonly deps: EndpointTestDeps) {}

  /** Throws `webhook_endpoint_not_found`, `vault_locked` or `vault_uninitialised`, and `rate_limit_exceeded` when it was tested a moment ago. */
  async run(project: string, id: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    const { endpoints, targets, redis } = this.deps;
    const known = await endpoints.find(project, id);
    const target =
      known.from === 'made' ? targets.opened(known.endpoint) : await targets.find({ project, endpoint: id, url: null });
    if (target.kind === 'held') throw new TokenhubError(target.code);
    const free = await redis.set(keys.webhookTested(project, id), '1', 'PX', APART_MS, 'NX');
    if (free === null) {
      const retryAfterS = APART_MS / 1_000;
      throw new TokenhubError('rate_limit_exceeded', 'An endpoint can be tested once a second.', { retryAfterS });
    }
    const eventId = `evt_test_${randomBytes(12).toString('hex')}`;
    const outcome = await this.send(target, { id: eventId, endpoint: id, signal });
    return { object: 'webhook_test', endpoint: id, event_id: eventId, event: TEST_EVENT, ...outcome };
  }

  private async send(
    target: FoundTarget,
    { id, endpoint, signal }: { id: string; endpoint: string; signal: AbortSignal },
  ): Promise<Record<string, unknown>> {
    if (target.kind === 'fault') {
      return { delivered: false, status: null, duration_ms: null, error: `secret_${target.fault}` };
    }
    if (target.kind !== 'ready') throw new Error(`an endpoint to be tested is ${target.kind}`);
    const { url, secrets } = target;
    return outcomeOf(await sendWebhook(this.deps.http, { url, id, secrets, signal, body: testBody(id, endpoint) }));
  }
}

function testBody(id: string, endpoint: string): string {
  const now = Date.now();
  return JSON.stringify({
    ...{ id, object: 'event', type: TEST_EVENT, created_at: Math.floor(now / 1_000) },
    timestamp: new Date(now).toISOString(),
    data: { id: endpoint, object: 'webhook_endpoint' },
  });
}

function outcomeOf({ verdict, durationMs }: Sent): Record<string, unknown> {
  if (verdict === 'aborted') return { delivered: false, status: null, duration_ms: durationMs, error: 'aborted' };
  const { kind, status } = verdict;
  const error = kind === 'failed' ? verdict.reason : kind === 'gone' ? 'http_410' : null;
  return { delivered: kind === 'delivered', status, duration_ms: durationMs, error };
}
