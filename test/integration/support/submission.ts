import { DEFAULT_POLICY } from '#contracts/policy.js';
import type { Principal } from '#contracts/scopes.js';
import { StepPlanner } from '#planner/step-planner.js';
import { HookTargets } from '../../../apps/api/src/jobs/hook-targets.js';
import { JobSubmission } from '../../../apps/api/src/jobs/job-submission.js';
import type { SubmitRequest } from '../../../apps/api/src/jobs/submit-request.js';
import type { RedisFixture } from './redis-fixture.js';
import type { WorkerRig } from './worker-rig.js';

export const PRINCIPAL: Principal = {
  ...{ project: 'default', key: 'ci', scopes: ['jobs'], share: 1 },
  ...{ limits: {}, budgets: [], allowedModels: null, policy: {} },
};
const AN_HOUR = 3_600_000;

/** The API's way of making jobs, with what a worker of the same process knows of the registry. */
export function submissionOf(fixture: RedisFixture, { planner, registry }: WorkerRig): JobSubmission {
  const hooks = new HookTargets({ projects: [], webhookAllow: [] }, { of: () => [] });
  const { store, queues, graphQueue } = fixture;
  const stepPlanner = new StepPlanner(planner, registry);
  return new JobSubmission({
    ...{ store, jobs: store, queues, graphQueue, planner, stepPlanner, hooks },
    ...{ history: null, processId: 'api-1', models: () => registry.current.snapshot.models },
  });
}

/** A chat to come back for, with three attempts, due in an hour, unless told otherwise. */
export function requestOf(options: Partial<SubmitRequest> = {}): SubmitRequest {
  return {
    kind: 'chat',
    body: { model: 'auto', messages: [{ role: 'user', content: 'Say it.' }] },
    policy: { ...DEFAULT_POLICY, mode: 'cheap', maxAttempts: 3 },
    principal: PRINCIPAL,
    delivery: 'later',
    metadata: { run: 'eval-7' },
    deadline: Date.now() + AN_HOUR,
    notBefore: null,
    idempotency: null,
    ...options,
  };
}
