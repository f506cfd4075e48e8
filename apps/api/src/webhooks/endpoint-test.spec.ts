import { expect, it } from '@jest/globals';
import type { MadeEndpoint } from '#contracts/webhook.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { AddressGuard } from '#http/address-guard.js';
import { HttpClient } from '#http/http-client.js';
import type { RedisClient } from '#platform/redis.js';
import type { FoundTarget } from '#webhooks/target-directory.js';
import { EndpointTest } from './endpoint-test.js';

const endpoint: MadeEndpoint = {
  ...{ project: 'p', id: 'made', url: 'https://e.org/', events: ['job.*'], enabled: true, armedAtMs: 0 },
  secrets: [],
};

it.each(['vault_locked', 'vault_uninitialised'] as const)(
  'a test that %s keeps from being signed says so, and is not counted as one',
  async (code) => {
    const held: FoundTarget = { kind: 'held', by: 'vault', code };
    let counted = 0;
    const redis = { set: () => Promise.resolve(counted++) } as unknown as RedisClient;
    const http = new HttpClient({ guard: new AddressGuard(new OutboundPolicy([])) });
    const test = new EndpointTest({
      endpoints: { find: () => Promise.resolve({ from: 'made', endpoint }) },
      targets: { find: () => Promise.resolve(held), opened: () => held },
      ...{ http, redis },
    });
    const { signal } = new AbortController();
    await expect(test.run('p', 'made', signal)).rejects.toMatchObject({ code });
    expect(counted).toBe(0);
    await http.close();
  },
);
