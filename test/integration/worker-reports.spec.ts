import { beforeEach, expect, it } from '@jest/globals';
import { Presence, type ProcessReport } from '#platform/process-identity.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { WorkerReports } from '../../apps/api/src/routing/worker-reports.js';
import { RedisFixture } from './support/redis-fixture.js';
import { registryContent } from './support/registry-content.js';

const fixture = new RedisFixture();
let reports: WorkerReports;

beforeEach(async () => {
  const { redis, onError } = fixture;
  const registry = new LiveRegistry({ redis, subscriber: fixture.connect(), onError });
  await registry.publish(registryContent());
  await registry.start();
  fixture.after(() => registry.stop());
  reports = new WorkerReports(redis, registry);
});

/** A process that is seen until the test ends, or until it is stopped. */
async function seen(id: string, report: Partial<ProcessReport>): Promise<Presence> {
  const whole: ProcessReport = { role: 'worker', startedAt: 1, ...report };
  const presence = new Presence(fixture.redis, id, () => whole, fixture.onError);
  await presence.start();
  fixture.after(() => presence.stop());
  return presence;
}

it('before a worker has reported, nothing is known', async () => {
  await seen('api-1', { role: 'api', contextTokens: { small: 1 } });
  expect(await reports.read()).toEqual({ credentials: new Map(), contextTokens: new Map() });
  expect(reports.seen).toBe(0);
});

it('a credential is missing when no worker has it', async () => {
  await seen('worker-1', { credentials: ['acme'] });
  expect((await reports.read()).credentials).toEqual(new Map([['bolt', 'credential_missing']]));
  await seen('worker-2', { credentials: ['bolt'] });
  expect((await reports.read()).credentials).toEqual(new Map());
  expect(reports.seen).toBe(2);
});

it('a model’s window is the smallest that a worker found, for as long as that worker lives', async () => {
  await seen('worker-1', { contextTokens: { small: 8_000, large: 32_000 } });
  const other = await seen('worker-2', { contextTokens: { small: 4_000 } });
  await seen('worker-3', {});
  expect((await reports.read()).contextTokens).toEqual(
    new Map([
      ['small', 4_000],
      ['large', 32_000],
    ]),
  );
  await other.stop();
  expect((await reports.read()).contextTokens).toEqual(
    new Map([
      ['small', 8_000],
      ['large', 32_000],
    ]),
  );
});
