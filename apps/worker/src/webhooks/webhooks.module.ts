import { Module } from '@nestjs/common';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS } from '#platform/platform.module.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import type { CredentialStores } from '#registry/credentials.js';
import { CREDENTIAL_STORES } from '#vault/vault.module.js';
import { WebhookRole } from './webhook-role.js';

/** The worker's part in webhooks: the outbox is emptied into the queue, and the queue's deliveries are made. */
@Module({
  providers: [
    {
      provide: WebhookRole,
      inject: [CONFIG, REDIS, KeptJobs, PROCESS_ID, LOGGER, CREDENTIAL_STORES],
      useFactory: buildRole,
    },
  ],
})
export class WebhooksModule {}

function buildRole(
  ...[config, redis, jobs, processId, logger, secrets]: [
    TokenhubConfig,
    RedisClient,
    KeptJobs,
    string,
    Logger,
    CredentialStores,
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
    random: Math.random,
  });
}
