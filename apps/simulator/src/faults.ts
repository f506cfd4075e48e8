import type { Draft } from './draft.js';
import type { AnswerFault, FaultOf } from './fault-shapes.js';
import { firstHalf, immediatePlan, upToChunk, type Frame, type Plan } from './plan.js';
import type { Problem, Protocol } from './protocol.js';
import { COUNT_SCHEMA, DELAY_SCHEMA, HEADER_VALUE_SCHEMA, HEADERS_SCHEMA } from './settings.js';

/** How one kind of fault is read and what it does: take the answer's place, change its draft, or change its plan. */
interface FaultRule<F> {
  /** JSON Schema of the kind's own fields. */
  fields: Record<string, object>;
  required?: readonly string[];
  instead?(fault: F, protocol: Protocol): Plan | null;
  draft?(draft: Draft, fault: F): Draft;
  plan?(plan: Plan, fault: F, protocol: Protocol): Plan;
}

const DEFAULT_CHUNKS = 1;
const HUGE_BYTES = 100 * 1024 * 1024;
const NUMBER_OR_TEXT = { anyOf: [{ type: 'number' }, HEADER_VALUE_SCHEMA] };
const WORD = { type: 'string' };
const WORD_OR_NULL = { type: ['string', 'null'] };
const FLAG = { type: 'boolean' };
const AFTER_CHUNKS = { after_chunks: COUNT_SCHEMA };

/** Every kind of fault that strikes a request. One more: its fields in `fault-shapes.ts` and its rule here. */
const FAULT_RULES: { [K in AnswerFault['kind']]: FaultRule<FaultOf<K>> } = {
  status: {
    fields: {
      status: { type: 'integer', minimum: 300, maximum: 599 },
      code: WORD_OR_NULL,
      type: WORD,
      message: WORD,
      param: WORD_OR_NULL,
      retry_after: NUMBER_OR_TEXT,
      retry_after_ms: NUMBER_OR_TEXT,
      headers: HEADERS_SCHEMA,
      flat: FLAG,
    },
    required: ['status'],
    instead: (fault, protocol) => statusPlan(fault, protocol),
  },
  reset: { fields: {}, instead: () => immediatePlan({ ending: 'reset', withHeaders: false }) },
  hang: { fields: {}, instead: () => immediatePlan({ ending: 'silence', withHeaders: false }) },
  hang_after_headers: {
    fields: {},
    plan: (plan) => ({ ...plan, frames: [], ending: 'silence', served: null }),
  },
  cut: { fields: AFTER_CHUNKS, plan: (plan, fault) => ({ ...upToChunk(plan, chunksOf(fault)), ending: 'destroy' }) },
  stall: { fields: AFTER_CHUNKS, plan: (plan, fault) => ({ ...upToChunk(plan, chunksOf(fault)), ending: 'silence' }) },
  malformed_chunk: { fields: AFTER_CHUNKS, plan: (plan, fault) => withMalformedChunk(plan, chunksOf(fault)) },
  missing_finish: {
    fields: { ...AFTER_CHUNKS, done: FLAG },
    draft: (draft) => ({ ...draft, choices: draft.choices.map((choice) => ({ ...choice, finish: null })) }),
    plan: (plan, fault, protocol) => withoutFinish(plan, fault, protocol),
  },
  missing_done: {
    fields: {},
    plan: (plan) => ({ ...plan, frames: plan.frames.filter((frame) => frame.part !== 'done') }),
  },
  half_json: { fields: AFTER_CHUNKS, plan: (plan, fault) => withHalfFrame(plan, chunksOf(fault)) },
  huge_body: {
    fields: { bytes: { type: 'integer', minimum: 1, maximum: 100 * HUGE_BYTES } },
    plan: (plan, { bytes = HUGE_BYTES }) => ({ ...withHalfFrame(plan, DEFAULT_CHUNKS), fillerBytes: bytes }),
  },
  html: {
    fields: {},
    instead: () =>
      immediatePlan({
        contentType: 'text/html; charset=utf-8',
        text: '<!doctype html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>',
      }),
  },
  error_event: {
    fields: { ...AFTER_CHUNKS, status: { type: 'integer' }, code: WORD_OR_NULL, type: WORD, message: WORD, done: FLAG },
    plan: (plan, fault, protocol) => withErrorEvent(plan, fault, protocol),
  },
  content_filter: {
    fields: { ...AFTER_CHUNKS, before_content: FLAG },
    instead: (fault, protocol) =>
      fault.before_content === true
        ? problemPlan(protocol.problem({ status: 400, code: 'content_filter' }), protocol)
        : null,
    draft: (draft, fault) => filtered(draft, fault.after_chunks ?? 0),
  },
};

const ANSWER_FAULTS = Object.entries<Pick<FaultRule<never>, 'fields' | 'required'>>(FAULT_RULES).map(
  ([kind, rule]) => ({
    properties: { kind: { const: kind }, delay_ms: DELAY_SCHEMA, ...rule.fields },
    required: ['kind', ...(rule.required ?? [])],
    additionalProperties: false,
  }),
);
const REFUSED = { properties: { kind: { const: 'refused' } }, required: ['kind'], additionalProperties: false };
const ONE_KIND = { type: 'object', discriminator: { propertyName: 'kind' }, required: ['kind'] };

/** JSON Schema of a fault that a request may carry. */
export const ANSWER_FAULT_SCHEMA = { ...ONE_KIND, oneOf: ANSWER_FAULTS };
/** JSON Schema of any fault, for whoever arms one. */
export const FAULT_SCHEMA = { ...ONE_KIND, oneOf: [...ANSWER_FAULTS, REFUSED] };

/**
 * The answer under a fault. `answer` makes the sound one, handing its draft through the function that it is given; a
 * request that it refuses by itself stays refused.
 */
export function planUnderFault(
  fault: AnswerFault,
  protocol: Protocol,
  answer: (reshape: (draft: Draft) => Draft) => Plan,
): Plan {
  const rule: FaultRule<AnswerFault> = FAULT_RULES[fault.kind];
  const plan = rule.instead?.(fault, protocol) ?? changedPlan(rule, { fault, protocol, answer });
  return { ...plan, firstByteMs: plan.firstByteMs + (fault.delay_ms ?? 0) };
}

/** A problem as an answer in the vendor's shape. */
export function problemPlan(problem: Problem, protocol: Protocol): Plan {
  return immediatePlan({
    status: problem.status,
    headers: problem.headers ?? {},
    text: protocol.errorBody(problem),
  });
}

function changedPlan(
  rule: FaultRule<AnswerFault>,
  {
    fault,
    protocol,
    answer,
  }: { fault: AnswerFault; protocol: Protocol; answer: (reshape: (draft: Draft) => Draft) => Plan },
): Plan {
  const plan = answer((draft) => rule.draft?.(draft, fault) ?? draft);
  return rule.plan?.(plan, fault, protocol) ?? plan;
}

function statusPlan(fault: FaultOf<'status'>, protocol: Protocol): Plan {
  const problem = protocol.problem({ ...fault, headers: retryHeaders(fault) });
  const plan = problemPlan(problem, protocol);
  return fault.flat === true ? { ...plan, frames: [{ part: 'body', text: flatErrorBody(problem), tokens: 0 }] } : plan;
}

/** An error without an `error` around it, as vLLM's older versions and servers like it send it: the code is the status. */
function flatErrorBody({ status, message, type, param }: Problem): string {
  return JSON.stringify({ object: 'error', message, type, param, code: status });
}

function retryHeaders(fault: FaultOf<'status'>): Record<string, string> {
  return {
    ...(fault.retry_after === undefined ? {} : { 'retry-after': String(fault.retry_after) }),
    ...(fault.retry_after_ms === undefined ? {} : { 'retry-after-ms': String(fault.retry_after_ms) }),
    ...fault.headers,
  };
}

function chunksOf(fault: { after_chunks?: number }): number {
  return fault.after_chunks ?? DEFAULT_CHUNKS;
}

function withMalformedChunk(plan: Plan, chunks: number): Plan {
  const before = upToChunk(plan, chunks);
  if (!plan.stream) {
    return { ...before, frames: before.frames.map((frame) => ({ ...frame, text: `${frame.text}]]` })) };
  }
  const malformed: Frame = { part: 'content', text: 'data: {"id":"chatcmpl-\n\n', tokens: 1 };
  return { ...before, frames: [...before.frames, malformed, ...plan.frames.slice(before.frames.length)] };
}

function withoutFinish(plan: Plan, fault: FaultOf<'missing_finish'>, protocol: Protocol): Plan {
  if (!plan.stream) {
    return { ...plan, served: null };
  }
  const before = upToChunk(plan, fault.after_chunks ?? Infinity);
  return fault.done === true ? { ...before, frames: [...before.frames, doneFrame(protocol)] } : before;
}

function withHalfFrame(plan: Plan, chunks: number): Plan {
  const before = upToChunk(plan, chunks);
  const next = plan.stream ? plan.frames[before.frames.length] : undefined;
  return next === undefined ? before : { ...before, frames: [...before.frames, firstHalf(next)] };
}

function withErrorEvent(plan: Plan, fault: FaultOf<'error_event'>, protocol: Protocol): Plan {
  const problem = protocol.problem({ ...fault, status: fault.status ?? 500 });
  if (!plan.stream) {
    return { ...plan, frames: [{ part: 'body', text: protocol.errorBody(problem), tokens: 0 }], served: null };
  }
  const before = upToChunk(plan, chunksOf(fault));
  const error: Frame = { part: 'error', text: protocol.errorFrame(problem), tokens: 0 };
  return { ...before, frames: [...before.frames, error, ...(fault.done === true ? [doneFrame(protocol)] : [])] };
}

function doneFrame(protocol: Protocol): Frame {
  return { part: 'done', text: protocol.doneFrame, tokens: 0 };
}

function filtered(draft: Draft, chunks: number): Draft {
  const choices = draft.choices.map((choice) => ({
    pieces: choice.pieces.slice(0, chunks),
    calls: [],
    finish: 'content_filter' as const,
  }));
  return { ...draft, choices };
}
