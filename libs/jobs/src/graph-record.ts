import type { PublicError } from '#contracts/attempt.js';
import type { JobState, Priority } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, OutputSpec, StepNode, StepOutput, StepState } from '#contracts/orchestration.js';
import type { Policy } from '#contracts/policy.js';
import { graphId } from '#contracts/queue-payloads.js';
import { keys } from '#platform/keys.js';
import type { CallPlan } from './call-plan.js';

/** What a graph was made to do: fixed when the job is created. */
export interface GraphPlan {
  nodes: StepNode[];
  /** Null for a chat whose answer is checked. */
  orchestration: OrchestrationSpec | null;
  output: OutputSpec | null;
  policy: Policy;
  /** The client wants the final text piece by piece. */
  stream: boolean;
  /** Somebody waits at this moment: see `CallPlan`. */
  attended: boolean;
  /** The key's share of a pool in which several keys wait. */
  share: number;
  /** The models and aliases that the key may ask for, as they were when the job was made; absent means all. */
  allowedModels?: readonly string[];
  /** So many calls pay for their turns at once, in the pool of the first: a chain goes on where it began instead of lining up again. */
  paidCalls: number;
  /** Of a job with budgets: nano-dollars that are reserved for each step's first call until it is opened, by step id. */
  reserved?: Record<string, number>;
  /** Of the client's request; absent in jobs of an older version. */
  inputTokens?: number;
}

/** Why a step has the call that it has, and what the one after it must know. */
export interface Ask {
  /** `again`: the answer before could not be read. `stronger`: nor could the one after that, from the same model. */
  why: 'first' | 'again' | 'stronger';
  /** How many characters may be quoted; null without a bound. */
  quoteCharacters: number | null;
  /** The form was asked of the provider itself, beside the words of the prompt. */
  native: boolean;
  /** A provider refused that: the words have to do. */
  refused: boolean;
  /** The answer before that could not be used, and what was wrong with it. */
  rejected: { text: string; errors: string[]; model: string } | null;
}

/** A graph is enqueued for the first time. */
export const FIRST_BUILD = 1;

/** How a step's first call is asked. */
export const FIRST_ASK: Ask = { why: 'first', quoteCharacters: null, native: false, refused: false, rejected: null };

/** What is cut to less than this says too little to be worth a call. */
export const LEAST_QUOTE_CHARACTERS = 2_000;

export interface GraphStep extends StepNode {
  state: StepState;
  output: StepOutput | null;
  error: PublicError | null;
  startedAt: number | null;
  finishedAt: number | null;
  /** How many calls it has opened, and the newest. */
  calls: number;
  callId: string | null;
  /** What that has come to; only of a step that was in progress when the graph was read. */
  call: StepCall | null;
  ask: Ask | null;
  /** Of its newest call. */
  estimatedCostNano: number;
  /** Finished by the job that this one tries again, and paid for there. */
  taken: boolean;
}

/** What a step's call has come to. */
export interface StepCall {
  /** Null while it goes on. */
  outcome: 'completed' | 'failed' | 'cancelled' | 'expired' | null;
  result: JsonObject | null;
  error: PublicError | null;
  /** Of the candidate that answered. */
  model: string;
  provider: string;
  attempt: number;
  pool: string;
  /** The BullMQ id of the graph that is woken when it ends. */
  parent: string;
  /** Readers have seen output of it. */
  streamed: boolean;
}

/** A job's graph as its workers see it. */
export interface Graph {
  jobId: string;
  state: JobState;
  project: string;
  key: string;
  priority: Priority;
  deadline: number;
  /** Spent so far. */
  costNano: number;
  plan: GraphPlan;
  /** The OpenAI-shaped body. */
  request: JsonObject;
  steps: GraphStep[];
  /** How often it has been enqueued. */
  build: number;
}

/** The steps of a graph in which nothing has happened yet. */
export function newSteps(plan: GraphPlan): GraphStep[] {
  return plan.nodes.map((node) => parseStep(node, {}));
}

/** What readers are told when a step begins. */
export function stepEvent({ id, name, round }: StepNode): string {
  return JSON.stringify({ step: id, name, round });
}

/** What the completed steps left, by step id. */
export function outputsOf({ steps }: Pick<Graph, 'steps'>): Map<string, StepOutput> {
  return new Map(steps.flatMap(({ id, output }) => (output === null ? [] : [[id, output] as const])));
}

/** The id of a step's call: its first, or one more because an answer could not be used. */
export function stepCallId(jobId: string, step: string, number: number): string {
  return number === 1 ? `${jobId}-${step}` : `${jobId}-${step}-ask${number}`;
}

/** What a finished step of an earlier job leaves for the one that tries it again. */
export type TakenStep = Pick<GraphStep, 'id' | 'output'>;

/** A graph that is to be made. */
export interface NewGraph {
  plan: GraphPlan;
  /** The step that begins, with its call: what was planned to see whether the job can be done at all. Null where several do. */
  first: (Omit<NewCall, 'parent'> & { step: StepNode }) | null;
  taken: readonly TakenStep[];
}

/** Everything that opening a call fixes. */
export interface NewCall extends Kept {
  /** The BullMQ id of the graph that is to be woken when the call ends. */
  parent: string;
  plan: CallPlan;
  request: JsonObject;
  /** Nano-dollars: the most that it can cost. */
  reserveNano: number;
}

/** A new graph as `HSET` pairs of its steps and, where one begins, of that one's call. */
export function newGraphFields(
  jobId: string,
  { plan, first, taken }: NewGraph,
  { request, startable }: { request: JsonObject; startable: number },
): { steps: (string | number)[]; call: (string | number)[] } {
  const steps = newStepsFields(plan, request, taken);
  if (first === null) return { steps, call: [] };
  const { id } = first.step;
  const callId = stepCallId(jobId, id, 1);
  const { ask, estimatedCostNano } = first;
  const kept: Kept = { ask, estimatedCostNano };
  const pool = first.plan.candidates[0]?.pool ?? '';
  return {
    steps: [
      ...steps,
      ...[`state:${id}`, 'in_progress', `number:${id}`, 1, `call:${id}`, callId, `ask:${id}`, JSON.stringify(kept)],
      ...[`started:${id}`, startable, 'calls', keys.call(callId), ...(plan.paidCalls > 1 ? ['paid', pool] : [])],
    ],
    call: [
      ...['step', id, 'attempt', 1, 'enqueued_at', startable, 'parent', graphId(jobId, FIRST_BUILD)],
      ...['plan', JSON.stringify(first.plan), 'request', JSON.stringify(first.request)],
      ...(plan.reserved === undefined ? [] : ['reserved', first.reserveNano]),
    ],
  };
}

function newStepsFields(plan: GraphPlan, request: JsonObject, taken: readonly TakenStep[]): string[] {
  const fields = ['plan', JSON.stringify(plan), 'request', JSON.stringify(request), 'build', String(FIRST_BUILD)];
  for (const { id } of plan.nodes) {
    const step = taken.find((one) => one.id === id);
    fields.push(`state:${id}`, step ? 'completed' : 'pending');
    if (step) fields.push(`output:${id}`, JSON.stringify(step.output), `taken:${id}`, '1');
  }
  return fields;
}

/** Reads plan, request and steps from the hash of a graph. */
export function parseGraphFields(
  fields: Record<string, string>,
  calls: Record<string, unknown> = {},
): Pick<Graph, 'plan' | 'request' | 'steps' | 'build'> {
  const plan = JSON.parse(fields.plan ?? '{"nodes":[]}') as GraphPlan;
  return {
    plan,
    request: JSON.parse(fields.request ?? '{}') as JsonObject,
    steps: plan.nodes.map((node) => ({
      ...parseStep(node, fields),
      call: parseCall(calls[node.id] as CallValues | undefined),
    })),
    build: Number(fields.build ?? 1),
  };
}

function parseStep(node: StepNode, fields: Record<string, string>): GraphStep {
  const { id } = node;
  const kept = parsed(fields[`ask:${id}`]) as Kept | null;
  return {
    ...node,
    state: (fields[`state:${id}`] ?? 'pending') as StepState,
    output: parsed(fields[`output:${id}`]) as StepOutput | null,
    error: parsed(fields[`error:${id}`]) as PublicError | null,
    startedAt: numberOrNull(fields[`started:${id}`]),
    finishedAt: numberOrNull(fields[`finished:${id}`]),
    calls: Number(fields[`number:${id}`] ?? 0),
    callId: fields[`call:${id}`] ?? null,
    call: null,
    ask: kept?.ask ?? null,
    estimatedCostNano: kept?.estimatedCostNano ?? 0,
    taken: fields[`taken:${id}`] === '1',
  };
}

/** The fields of a call's hash that a step reads, in this order. */
export const CALL_FIELDS = ['outcome', 'result', 'error', 'plan', 'index', 'attempt', 'streamed', 'parent'] as const;
export type CallValues = readonly (string | null | undefined)[];

/** Reads the values of `CALL_FIELDS`; null when there is no such call. */
export function parseCall(values: CallValues = []): StepCall | null {
  const [outcome, result, error, plan, index, attempt, streamed, parent] = values;
  if (plan == null) return null;
  const place = (JSON.parse(plan) as CallPlan).candidates[Number(index ?? 0)];
  return {
    outcome: (outcome ?? null) as StepCall['outcome'],
    result: result == null ? null : (JSON.parse(result) as JsonObject),
    error: error == null ? null : (JSON.parse(error) as PublicError),
    model: place?.model ?? '',
    provider: place?.provider ?? '',
    attempt: Number(attempt),
    pool: place?.pool ?? '',
    parent: parent ?? '',
    streamed: streamed != null && streamed !== '0',
  };
}

/** What a step's hash keeps of its newest call. */
export interface Kept {
  ask: Ask;
  estimatedCostNano: number;
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? null : JSON.parse(json);
}

function numberOrNull(value: string | undefined): number | null {
  return value === undefined ? null : Number(value);
}
