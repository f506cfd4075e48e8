import { TERMINAL_STATES, type TerminalState } from '#contracts/job-state.js';
import { FIRST_ASK } from '#jobs/graph-record.js';
import type { Run } from '#jobs/attempt-store.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import type { BudgetRule } from '#contracts/budgets.js';
import { keys } from '#platform/keys.js';
import { reserving, spent, standing } from './budgets.js';
import { hop, newGraph, newJob, outcomeOf } from './new-job.js';
import type { RedisFixture } from './redis-fixture.js';
import { payloadOf } from './worker-rig.js';

/** A job of the schedule, and the run that holds each of its calls: the newest of each, dead or alive. */
interface Subject {
  job: NewJob;
  runs: Map<string, Run>;
}

const STEPS = ['plan', 'critique-1', 'refine-1'] as const;

/** What happens to jobs of one key in a random order: whatever a client, a worker, its death or the reconciler may do. */
export class BudgetSchedule {
  private readonly subjects: Subject[] = [];
  private tokens = 0;
  /** Of the jobs that were asked for. */
  readonly asked = { created: 0, refused: 0 };

  constructor(
    private readonly fixture: RedisFixture,
    private readonly rules: readonly BudgetRule[],
    private readonly random: (limit: number) => number,
  ) {}

  /** One thing that may happen; nothing where nobody is there for it to happen to. */
  async happen(): Promise<void> {
    if (this.random(4) === 0) return this.create();
    const subject = this.subjects[this.random(this.subjects.length)];
    if (!subject) return;
    await (subject.job.graph === null ? this.toCall(subject) : this.toGraph(subject));
  }

  /** Ends whatever has not ended yet. */
  async endAll(): Promise<void> {
    for (const { job, runs } of this.subjects) {
      await this.fixture.store.cancel(job.id);
      for (const [step, run] of runs) await this.finish(run, step, 'cancelled');
      await this.fixture.redis.hset(keys.job(job.id), 'deadline', 1);
      await this.fixture.unfinished.look(job.id);
    }
  }

  /** What the records of the jobs say: what each holds, and what was recorded of all. */
  async records(): Promise<{ reserved: number; spent: number; unfinished: number }> {
    const sums = { reserved: 0, spent: 0, unfinished: 0 };
    for (const { job } of this.subjects) {
      const [state, reserved, totals] = await this.fixture.redis.hmget(keys.job(job.id), 'state', 'reserved', 'totals');
      const over = TERMINAL_STATES.includes(state as TerminalState);
      if (over && reserved !== '0') throw new Error(`${job.id} is ${state} and holds ${reserved}`);
      if (!over) sums.unfinished += 1;
      sums.reserved += Number(reserved);
      sums.spent += Number((totals ?? '').split(' ')[5] ?? 0);
    }
    return sums;
  }

  private async create(): Promise<void> {
    const parts = STEPS.map((id): [string, number] => [id, this.random(4_000)]);
    const isGraph = this.random(3) === 0;
    const reserveNano = isGraph ? parts.reduce((sum, [, nano]) => sum + nano, 0) : this.random(12_000);
    const budget = reserving(reserveNano, this.rules);
    const graph = isGraph ? newGraph({ mode: 'adversarial' }, budget) : null;
    const job = graph?.graph
      ? { ...graph, graph: { ...graph.graph, plan: { ...graph.graph.plan, reserved: Object.fromEntries(parts) } } }
      : newJob(budget);
    const { kind } = await this.fixture.store.create(job);
    if (kind === 'created') {
      this.asked.created += 1;
      this.subjects.push({ job, runs: new Map() });
    } else this.asked.refused += 1;
  }

  private async toCall({ job, runs }: Subject): Promise<unknown> {
    const { store, attempts, unfinished } = this.fixture;
    const run = runs.get('answer');
    const attempt = Number((await this.fixture.redis.hget(keys.call(answerCallId(job.id)), 'attempt')) ?? 1);
    switch (this.random(7)) {
      case 0:
      case 1:
        return this.begin(runs, 'answer', { jobId: job.id, callId: answerCallId(job.id), attempt });
      case 2:
        return run && attempts.advance(run, { ...hop(run.attempt), record: spent(run.attempt, this.random(4_000)) });
      case 3:
        return run && this.finish(run, null, this.anyEnd());
      case 4:
        return this.random(3) === 0 && store.cancel(job.id);
      case 5:
        return unfinished.requeue(payloadOf(job, attempt), 'lost');
      default:
        return unfinished.move(payloadOf(job, attempt), 0);
    }
  }

  private async toGraph({ job, runs }: Subject): Promise<unknown> {
    const { store, graphs, attempts } = this.fixture;
    const step = STEPS[this.random(STEPS.length)] ?? 'plan';
    const run = runs.get(step);
    switch (this.random(7)) {
      case 0:
      case 1:
        return this.open(job, step);
      case 2: {
        const callId = (await this.fixture.redis.hget(keys.steps(job.id), `call:${step}`)) ?? '';
        const attempt = Number((await this.fixture.redis.hget(keys.call(callId), 'attempt')) ?? 1);
        return this.begin(runs, step, { jobId: job.id, callId, attempt });
      }
      case 3:
        return run && attempts.advance(run, { ...hop(run.attempt), record: spent(run.attempt, this.random(2_000)) });
      case 4:
        return run && this.finish(run, step, this.anyEnd());
      case 5:
        return this.random(4) === 0 && store.cancel(job.id);
      default: {
        if (this.random(4) > 0) return undefined;
        const state = this.random(2) === 0 ? 'completed' : 'failed';
        return graphs.finish(
          { jobId: job.id, plan: { stream: false } },
          { state, body: '{}', model: '', provider: '', delta: null, skipped: [] },
        );
      }
    }
  }

  private async open(job: NewJob, id: string): Promise<unknown> {
    const graph = await this.fixture.graphs.read(job.id);
    const step = graph?.steps.find((one) => one.id === id);
    if (!graph || !step) return undefined;
    const call = { parent: 'a-step', plan: job.plan, request: {}, ask: FIRST_ASK, estimatedCostNano: 0 };
    return this.fixture.graphs.openCall(graph, step, { ...call, reserveNano: this.random(6_000) });
  }

  private begin(runs: Map<string, Run>, call: string, of: Omit<Run, 'run'>): Promise<unknown> {
    const run: Run = { ...of, run: `run-${++this.tokens}` };
    runs.set(call, run);
    return this.fixture.begin(run);
  }

  private finish(run: Run, step: string | null, state: TerminalState): Promise<unknown> {
    const { attempts } = this.fixture;
    const usual = outcomeOf(state, run.attempt);
    const outcome = { ...usual, record: { ...usual.record, costNano: this.random(14_000) } };
    return step === null || step === 'answer' ? attempts.finish(run, outcome) : attempts.finishCall(run, outcome);
  }

  private anyEnd(): TerminalState {
    return TERMINAL_STATES[this.random(TERMINAL_STATES.length)] ?? 'failed';
  }

  /** What every rule says. */
  standing(): Promise<{ reserved: number; spent: number }> {
    return standing(this.fixture, this.rules);
  }
}
