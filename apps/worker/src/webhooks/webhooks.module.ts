import { Module } from '@nestjs/common';
import type { Database } from '#database/connect-database.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import { KeptJobs } from '#history/kept-jobs.js';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS, REDIS_SUBSCRIBER } from '#platform/platform.module.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import type { CredentialStores } from '#registry/credentials.js';
import { CREDENTIAL_STORES } from '#vault/vault.module.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore } from '#settings/settings-store.js';
import { CIPHER, type Cipher } from '#vault/cipher.js';
import { ENDPOINT_KIND, madeEndpoints } from '#webhooks/endpoint-definition.js';
import { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { endpointSnapshots, LiveEndpoints } from '#webhooks/live-endpoints.js';
import { EndpointDisabler } from './endpoint-disabler.js';
import { WebhookRole } from './webhook-role.js';

/** The worker's part in webhooks: the outbox is emptied into the queue, and the queue's deliveries are made. */
@Module({
  providers: [
    { provide: EndpointMarks, inject: [REDIS], useFactory: (redis: RedisClient) => new EndpointMarks(redis) },
    {
      provide: LiveEndpoints,
      inject: [REDIS, REDIS_SUBSCRIBER, LOGGER],
      useFactory: (redis: RedisClient, subscriber: RedisClient, logger: Logger) =>
        new LiveEndpoints({ redis, subscriber, onError: (error) => logger.warn({ err: error }, 'webhook endpoints') }),
    },
    {
      provide: EndpointDisabler,
      inject: [CONFIG, REDIS, HISTORY_DATABASE, EndpointMarks, LOGGER],
      useFactory: buildDisabler,
    },
    {
      provide: WebhookRole,
      inject: [
        ...[CONFIG, REDIS, KeptJobs, PROCESS_ID, LOGGER, CREDENTIAL_STORES, LiveEndpoints],
        ...[EndpointMarks, EndpointDisabler, CIPHER],
      ],
      useFactory: buildRole,
    },
  ],
})
export class WebhooksModule {}

function buildDisabler(
  ...[config, redis, database, marks, logger]: [TokenhubConfig, RedisClient, Database | null, EndpointMarks, Logger]
): EndpointDisabler {
  const settings = database && new SettingsStore(database.db);
  // Never started: it publishes what this process changes, and the API processes repair.
  const publisher = new SettingsPublisher({
    settings,
    snapshots: endpointSnapshots(redis),
    kinds: [ENDPOINT_KIND],
    merge: madeEndpoints,
    declaredMs: 0,
    onError: (error) => logger.warn({ err: error }, 'the webhook endpoints could not be published'),
  });
  return new EndpointDisabler({ marks, settings, publisher, failingMs: config.webhookDisableMs, logger });
}

function buildRole(
  ...[config, redis, jobs, processId, logger, secrets, made, marks, disabler, cipher]: [
    TokenhubConfig,
    RedisClient,
    KeptJobs,
    string,
    Logger,
    CredentialStores,
    LiveEndpoints,
    EndpointMarks,
    EndpointDisabler,
    Cipher,
  ]
): WebhookRole {
  const blocking = connectRedis(config.redis, { name: 'worker-outbox', whenAway: 'wait' });
  blocking.on('error', (error: Error) => logger.debug({ err: error }, 'webhook outbox'));
  return new WebhookRole({
    redis,
    blocking,
    processId,
    logger,
    jobs,
    http: new HttpClient({ guard: new AddressGuard(new OutboundPolicy(config.webhookAllow)) }),
    projects: config.projects,
    secrets,
    ...{ made, marks, disabler, cipher },
    recorded: config.history !== null,
    random: Math.random,
  });
}
