import type { Fault } from '../../apps/simulator/src/fault-shapes.js';
import { afterContent, answered, byClass } from './fault-courses.js';
import { SHORT_TIMEOUTS, VENDORS, type Failure, type Place, type Row, type Vendor } from './fault-row.js';

/** Answers that never come, come too late or are none. */
export const SILENT_ROWS: Row[] = [
  {
    name: 'reset',
    fault: { kind: 'reset' },
    course: () => byClass(transient('connection_reset', 'no status dropped')),
  },
  {
    name: 'connection refused',
    fault: 'refuse_connection',
    course: () => byClass(transient('connection_refused', null)),
  },
  {
    // As a stream it would be a stream that is cut after 64 MiB of words.
    name: 'body of 100 MB',
    deliveries: ['plain'],
    fault: { kind: 'huge_body' },
    course: () => byClass(transient('answer_too_large', '200 aborted')),
  },
  { name: 'hang', fault: { kind: 'hang' }, timeouts: SHORT_TIMEOUTS, course: afterSilence('no status aborted') },
  {
    name: 'hang after headers',
    fault: { kind: 'hang_after_headers' },
    timeouts: SHORT_TIMEOUTS,
    course: afterSilence('200 aborted'),
  },
  {
    name: 'stall before content',
    fault: { kind: 'stall', after_chunks: 0 },
    timeouts: SHORT_TIMEOUTS,
    course: afterSilence('200 aborted'),
  },
  {
    name: 'stall after content',
    fault: { kind: 'stall', after_chunks: 3 },
    timeouts: SHORT_TIMEOUTS,
    course: ({ delivery }) => {
      const code = delivery === 'plain' ? 'answer_timeout' : 'idle_timeout';
      return afterContent(byClass(transient(code, '200 aborted')), delivery);
    },
  },
  {
    name: 'first token too late',
    fault: { kind: 'missing_done', delay_ms: 60_000 },
    timeouts: SHORT_TIMEOUTS,
    course: afterSilence('no status aborted'),
  },
  { name: 'web page', fault: { kind: 'html' }, course: () => byClass(transient('unreadable_answer', '200 sent', 200)) },
];

/** What may look like a fault, and is an answer. */
export const SOUND_ROWS: Row[] = [
  { name: 'no fault', fault: null, course: () => answered() },
  { name: 'no closing marker', fault: { kind: 'missing_done' }, course: () => answered() },
  { name: 'first token late', fault: { kind: 'missing_done', delay_ms: 800 }, course: () => answered() },
  {
    name: 'refusal',
    fault: { kind: 'content_filter', after_chunks: 3 },
    course: () => answered({ text: 'beginning', finish: 'content_filter' }),
  },
  {
    name: 'refusal without a word',
    fault: { kind: 'content_filter' },
    course: () => answered({ text: 'none', finish: 'content_filter' }),
  },
];

interface Break {
  how: string;
  vendors?: readonly Vendor[];
  fault: (chunks: number) => Fault;
  failure: (place: Place) => Failure;
}

/** Each way in which an answer breaks, and what the attempt is then said to have failed of. */
const BREAKS: Break[] = [
  {
    how: 'cut',
    fault: (chunks) => ({ kind: 'cut', after_chunks: chunks }),
    failure: () => transient('connection_reset', '200 dropped'),
  },
  {
    how: 'malformed chunk',
    fault: (chunks) => ({ kind: 'malformed_chunk', after_chunks: chunks }),
    failure: (place) => broken(place, 'unreadable_answer'),
  },
  {
    how: 'half a JSON',
    fault: (chunks) => ({ kind: 'half_json', after_chunks: chunks }),
    failure: (place) => broken(place, 'stream_truncated'),
  },
  {
    how: 'no finish',
    fault: (chunks) => ({ kind: 'missing_finish', after_chunks: chunks }),
    failure: (place) => broken(place, 'stream_truncated'),
  },
  {
    how: 'no finish, but a closing marker',
    fault: (chunks) => ({ kind: 'missing_finish', after_chunks: chunks, done: true }),
    failure: (place) => broken(place, 'stream_truncated'),
  },
  {
    how: 'error event',
    fault: (chunks) => ({ kind: 'error_event', after_chunks: chunks }),
    failure: serverError,
  },
  {
    how: 'error event and closing marker',
    fault: (chunks) => ({ kind: 'error_event', after_chunks: chunks, done: true }),
    failure: serverError,
  },
];

/** Told in the middle of a stream, in each vendor's words. */
const OVERLOADS: Break[] = VENDORS.map((vendor) => ({
  how: 'overload as an event',
  vendors: [vendor],
  fault: (chunks) => ({ kind: 'error_event', after_chunks: chunks, status: vendor === 'anthropic' ? 529 : 429 }),
  failure: () => ({
    class: 'rate_limited',
    code: vendor === 'anthropic' ? 'overloaded_error' : 'rate_limit_exceeded',
    status: vendor === 'vllm' ? 429 : null,
    wire: '200 sent',
  }),
}));

/** A filter that steps in while the model speaks; vLLM has none. */
const FILTER: Break = {
  how: 'content filter as an event',
  vendors: ['openai', 'anthropic'],
  fault: (chunks) => ({ kind: 'error_event', after_chunks: chunks, status: 400, code: 'content_filter' }),
  failure: () => ({ class: 'content_filtered', code: 'content_filter', status: null, wire: '200 sent' }),
};

/** Answers that begin and break: before the first content, and after some. */
export const BROKEN_ROWS: Row[] = [
  ...[...BREAKS, ...OVERLOADS, FILTER].flatMap(beforeAndAfterContent),
  {
    // Anthropic streams what may take longer than a plain call waits; its client sees nothing of that.
    name: 'no finish after content, too long for a plain call',
    vendors: ['anthropic'],
    body: { max_tokens: 4_096 },
    timeouts: { answer_ms: 20_000 },
    fault: { kind: 'missing_finish', after_chunks: 3 },
    course: ({ delivery }) => afterContent(byClass(transient('stream_truncated', '200 sent')), delivery),
  },
];

function beforeAndAfterContent({ how, vendors, fault, failure }: Break): Row[] {
  return [
    { name: `${how} before content`, vendors, fault: fault(0), course: (place) => byClass(failure(place)) },
    {
      name: `${how} after content`,
      vendors,
      fault: fault(3),
      course: (place) => afterContent(byClass(failure(place)), place.delivery),
    },
  ];
}

/** A plain call waits for its whole answer, a streamed one for its first content. */
function afterSilence(wire: string): Row['course'] {
  return ({ delivery }) => byClass(transient(delivery === 'plain' ? 'answer_timeout' : 'first_token_timeout', wire));
}

/** A whole body that is no answer is unreadable; how a stream broke has a code of its own. */
function broken({ delivery }: Place, streamCode: string): Failure {
  return delivery === 'plain' ? transient('unreadable_answer', '200 sent', 200) : transient(streamCode, '200 sent');
}

/** vLLM's errors hold the status as their code, also inside a successful answer. */
function serverError({ vendor }: Place): Failure {
  return transient(vendor === 'anthropic' ? 'api_error' : 'server_error', '200 sent', vendor === 'vllm' ? 500 : null);
}

function transient(code: string, wire: string | null, status: number | null = null): Failure {
  return { class: 'transient', code, status, wire };
}
