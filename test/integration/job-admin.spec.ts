import { beforeEach, expect, it } from '@jest/globals';
import { AuditLog } from '#audit/audit-log.js';
import type { JobRecord } from '#jobs/job-record.js';
import { KeptJobs } from '#history/kept-jobs.js';
import { keys } from '#platform/keys.js';
import type { KeyConfig } from '#platform/config/config.js';
import { KeyRing } from '#registry/key-ring.js';
import { JobAdmin } from '../../apps/api/src/admin/job-admin.js';
import { RedisFixture } from './support/redis-fixture.js';
import { requestOf, submissionOf } from './support/submission.js';
import { answers, fails } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig } from './support/worker-rig.js';

/* What an administrator does with a job of somebody else. */

const BY = { actor: 'token', requestId: 'req_1' };

const fixture = new RedisFixture();
let lines: { audit?: Record<string, unknown> }[];

beforeEach(() => {
  lines = [];
});

/** A failed job of key `ci`, and the administrator of a Tokenhub whose project `default` has these keys. */
async function setUp(known: KeyConfig[]): Promise<{ admin: JobAdmin; failed: JobRecord }> {
  const adapter = new ScriptedAdapter([fails('invalid_request'), answers('good')]);
  const submission = submissionOf(fixture, await startWorkerRig(fixture, { adapter }));
  const { jobId } = await submission.create(await submission.plan(requestOf()));
  const failed = await ended(fixture, { id: jobId });
  const ring = new KeyRing({ projects: [{ ...PROJECT, keys: known }], apiKey: null });
  const { store } = fixture;
  const admin = new JobAdmin({
    ...{ jobs: new KeptJobs({ store, history: null, free: () => Promise.resolve() }), store, submission },
    ownerOf: (project, key) => ring.ownerOf(project, key),
    audit: new AuditLog({ db: null, writeLine: (line) => void lines.push(line) }),
  });
  return { admin, failed };
}

const PLAIN = { name: null, disabled: false, allowedModels: null, policy: {}, budget: {} };
const PROJECT = { id: 'default', ...PLAIN, webhookSecret: null, webhookEndpoints: [] };
const KEY: KeyConfig = {
  ...{ id: 'ci', sha256: '0'.repeat(64), scopes: ['jobs'], share: 1, limits: {}, expiresAtMs: null },
  ...PLAIN,
};

it.each<[string, KeyConfig]>([
  ['', KEY],
  [', also where that is disabled', { ...KEY, disabled: true }],
])('a job that is tried again is its key’s%s, and the audit names both', async (_case, key) => {
  const { admin, failed } = await setUp([key]);
  const again = await admin.retry(failed.id, BY);
  expect(again).toMatchObject({ project: 'default', key: 'ci', retryOf: failed.id });
  expect(await ended(fixture, again)).toMatchObject({ state: 'completed' });
  expect(lines.map(({ audit }) => audit)).toMatchObject([
    {
      ...{ ...BY, action: 'job.retried', target: failed.id, outcome: 'noted' },
      ...{ before: { state: 'failed' }, after: { job: again.id, project: 'default', key: 'ci' } },
    },
  ]);
});

it('a job whose key is gone is not tried again', async () => {
  const { admin, failed } = await setUp([{ ...KEY, id: 'other' }]);
  await expect(admin.retry(failed.id, BY)).rejects.toMatchObject({
    ...{ code: 'job_not_retryable', status: 409, message: expect.stringContaining('Its key ci is no more') },
  });
  expect(await fixture.redis.zcard(keys.projectJobs('default'))).toBe(1);
  expect(lines).toEqual([]);
});
