import { describe, expect, it } from '@jest/globals';
import { defaultOrchestration, type OrchestrationSpec } from '#contracts/orchestration.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import type { NewJob } from '#jobs/job-record.js';
import { StepPlanner } from '#planner/step-planner.js';
import type { ProviderCall } from '#providers/provider-adapter.js';
import { waitFor } from '#testing/wait-for.js';
import { planGraph } from '../../apps/api/src/jobs/plan-graph.js';
import { askedFor, byStep } from './support/graph-turns.js';
import { newGraph, newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { PRINCIPAL } from './support/submission.js';
import { answers, Gate } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit, type Turn } from './support/worker-rig.js';

const fixture = new RedisFixture();

/** One that writes and one that criticises, each in a pool of its own. */
const PINNED = { primaryModelId: 'small', reviewModelId: 'large' };

const chain = (name: string, key: string, spec: Partial<OrchestrationSpec> = {}): NewJob =>
  newGraph({ mode: 'adversarial', ...PINNED, ...spec }, { key, request: said(name) });
const said = (name: string) => ({ model: 'auto', messages: [{ role: 'user', content: `Say it. <${name}>` }] });
const nameOf = ({ body }: ProviderCall): string => /<([^>]+)>/.exec(JSON.stringify(body))?.[1] ?? '';

const STEPS = byStep({
  first: answers('the plan'),
  critique: answers('Too short.'),
  refine: answers('the refined plan'),
  judge: answers('VERDICT: A'),
});

/** Whose attempts wait for the pool of `small`, and with which turns. */
async function line(): Promise<{ callId: string; turn: number }[]> {
  const waiting = await fixture.queues.waiting('acme', 20_000);
  return waiting.map(({ payload, turn }) => ({ callId: payload?.callId ?? 'none', turn }));
}

const lined = (count: number) =>
  waitFor(async () => (await line()).length === count, { describe: `${count} attempts in line` });

/** Lets whoever waits go on from `open` on; until the workers are closed, which wait for their calls. */
function pumpOf(gate: Gate): { open: () => void } {
  let pumping: NodeJS.Timeout | undefined;
  fixture.after(() => clearInterval(pumping));
  const open = (): void => {
    clearInterval(pumping);
    pumping = setInterval(() => gate.open(), 1);
  };
  return { open };
}

describe('the turns of a graph', () => {
  it('of a chain are paid for at once: the next one of its key comes behind all of its calls', async () => {
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([STEPS]), pools: false });
    await submit(fixture, newJob({ key: 'first' }));
    for (let n = 1; n <= 3; n++) {
      await submit(fixture, chain(`c${n}`, 'chains', { iterations: 3 }));
      await lined(n + 1);
    }
    const turns = (await line()).map(({ turn }) => turn).toSorted((a, b) => a - b);
    // Four calls of the primary model each, at sixteen a turn.
    expect(turns.slice(1)).toEqual([64, 128, 192]);
  });

  it.each([
    ['in a pool of its own', 'bolt', 3],
    ['in the same pool', 'acme', 5],
  ])('of a chain are those of its author, and its critic’s %s', async (_where, criticsProvider, paidCalls) => {
    const content = registryContent({
      models: [model('small', { expectedLatencyMs: 1 }), model('large', { provider: criticsProvider })],
    });
    const adapter = new ScriptedAdapter([STEPS]);
    const { planner, registry } = await startWorkerRig(fixture, { adapter, pools: false, content });
    const planners = { routes: planner, steps: new StepPlanner(planner, registry), models: () => [] };
    const orchestration = { ...defaultOrchestration('adversarial'), iterations: 2 };
    const { graph } = await planGraph(planners, {
      ...{ jobId: 'job_1', kind: 'chat', body: said('x'), policy: DEFAULT_POLICY, delivery: 'later' },
      ...{ metadata: {}, deadline: Date.now() + 60_000, notBefore: null, idempotency: null, orchestration },
      principal: PRINCIPAL,
    });
    expect(graph.plan.paidCalls).toBe(paidCalls);
  });

  it('of a vote are paid for call by call', async () => {
    await startWorkerRig(fixture, { adapter: new ScriptedAdapter([STEPS]), pools: false });
    await submit(fixture, newJob({ key: 'first' }));
    await submit(fixture, newGraph({ mode: 'vote', voters: 3, primaryModelId: 'small' }, { key: 'votes' }));
    await lined(4);
    const turns = (await line()).map(({ turn }) => turn).toSorted((a, b) => a - b);
    expect(turns.slice(1)).toEqual([16, 32, 48]);
  });

  it('let a chain go on before those begin that came later', async () => {
    const gate = new Gate();
    const pump = pumpOf(gate);
    const order: string[] = [];
    const served: Turn = (call) => {
      order.push(`${nameOf(call)} ${askedFor(call)}`);
      return STEPS(call);
    };
    const adapter = new ScriptedAdapter([(call) => gate.turn(served)(call)]);
    await startWorkerRig(fixture, { adapter, concurrency: 1, served: ['acme'] });
    const critics = await startWorkerRig(fixture, {
      ...{ adapter: new ScriptedAdapter([STEPS]), concurrency: 20, served: ['bolt'], graphs: false },
    });
    expect(critics).toBeDefined();
    fixture.after(pump.open);
    const jobs = Array.from({ length: 10 }, (_, n) => chain(`c${n}`, 'chains'));
    // One by one: those that line up while nobody waits all get the first turn.
    for (const [n, job] of jobs.entries()) {
      await submit(fixture, job);
      await waitFor(() => adapter.inFlight === 1, { describe: 'the first to run' });
      await lined(n);
    }
    gate.open(1);
    // The refinement of the first is in line again, behind nobody but those of the very turn that is served now: two at most, as
    // time begins anew when a line is empty.
    await waitFor(async () => (await line()).some(({ callId }) => callId.includes('refine')), {
      describe: 'the first refinement',
    });
    const position = (await line()).findIndex(({ callId }) => callId.includes('refine'));
    expect(position).toBeLessThanOrEqual(2);
    pump.open();
    for (const job of jobs) await ended(fixture, job);
    const began = order.filter((one) => one.endsWith('first'));
    const finishedFirst = order.indexOf(`${nameOfFirst(order)} refine`);
    expect(finishedFirst).toBeLessThanOrEqual(3);
    expect(began).toHaveLength(10);
  });

  it('delay a single job of another key by its share and no more, behind 200 orchestrations', async () => {
    const order: string[] = [];
    const gate = new Gate();
    const pump = pumpOf(gate);
    const served: Turn = (call) => {
      order.push(nameOf(call));
      return STEPS(call);
    };
    const one = registryContent({
      providers: [provider('acme'), provider('bolt')],
      models: [model('small'), model('large')],
    });
    const adapter = new ScriptedAdapter([(call) => gate.turn(served)(call)]);
    await startWorkerRig(fixture, { adapter, concurrency: 1, served: ['acme'], content: one });
    await startWorkerRig(fixture, {
      ...{ adapter: new ScriptedAdapter([STEPS]), concurrency: 20, served: ['bolt'], graphs: false, content: one },
    });
    fixture.after(pump.open);
    const jobs = Array.from({ length: 200 }, (_, n) => chain(`c${n}`, 'chains'));
    for (const job of jobs) await submit(fixture, job);
    await lined(jobs.length - 1);
    pump.open();
    await waitFor(() => order.length >= 30, { describe: 'the pool to be under way' });
    const before = order.length;
    const single = await submit(fixture, newJob({ key: 'single', priority: 'low', request: said('single') }));
    await ended(fixture, single);
    const behind = order.indexOf('single') - before;
    // One turn of each chain that is ahead of it by its tag, and what those still have to do.
    expect(behind).toBeLessThanOrEqual(8);
  });
});

function nameOfFirst(order: readonly string[]): string {
  return order[0]?.split(' ')[0] ?? '';
}
