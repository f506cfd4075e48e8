import type { FaultOf } from '../../apps/simulator/src/fault-shapes.js';
import { afterContent, at, failed, moved, retried, waited } from './fault-courses.js';
import { PRIMARY_CONTEXT, type Failure, type Place, type Row, type Vendor } from './fault-row.js';

const OVERFLOW: FaultOf<'status'> = { kind: 'status', status: 400, code: 'context_length_exceeded' };
const BROKEN: FaultOf<'status'> = { kind: 'status', status: 500 };

/** vLLM has no filter. */
const FILTERING: Vendor[] = ['openai', 'anthropic'];

const filtered: Failure = { class: 'content_filtered', code: 'content_filter', status: 400, wire: '400 sent' };
const overflow: Failure = {
  class: 'context_overflow',
  code: 'context_length_exceeded',
  status: 400,
  wire: '400 sent',
};
const limited = ({ vendor }: Place): Failure => ({
  class: 'rate_limited',
  code: vendor === 'anthropic' ? 'rate_limit_error' : 'rate_limit_exceeded',
  status: 429,
  wire: '429 sent',
});
const server = ({ vendor }: Place): Failure => ({
  class: 'transient',
  code: vendor === 'anthropic' ? 'api_error' : 'server_error',
  status: 500,
  wire: '500 sent',
});
const PROVIDER_ERROR = { status: 502, code: 'provider_error' };

/** Where the policy or the backup decides what follows. */
export const POLICY_ROWS: Row[] = [
  {
    name: 'context overflow, and the backup is no larger',
    fault: OVERFLOW,
    backup: { contextTokens: PRIMARY_CONTEXT },
    course: () => failed([at('primary', overflow)], { status: 400, code: 'context_length_exceeded' }),
  },
  {
    name: 'content filter before content',
    vendors: FILTERING,
    fault: { kind: 'content_filter', before_content: true },
    course: () => failed([at('primary', filtered)], { status: 400, code: 'content_filter' }),
  },
  {
    name: 'content filter before content, on_content_filter: next',
    vendors: FILTERING,
    fault: { kind: 'content_filter', before_content: true },
    policy: { on_content_filter: 'next' },
    course: () => moved(filtered),
  },
  {
    name: 'content filter as an event after content, on_content_filter: next',
    vendors: FILTERING,
    fault: { kind: 'error_event', after_chunks: 3, status: 400, code: 'content_filter' },
    policy: { on_content_filter: 'next' },
    course: ({ delivery }) => afterContent(moved({ ...filtered, status: null, wire: '200 sent' }), delivery),
  },
  {
    name: '500, max_attempts: 1',
    fault: BROKEN,
    policy: { max_attempts: 1 },
    course: (place) => failed([at('primary', server(place))], PROVIDER_ERROR),
  },
  {
    name: '500, max_attempts: 3',
    fault: BROKEN,
    policy: { max_attempts: 3 },
    course: (place) => retried(server(place)),
  },
  {
    name: '500, nobody else',
    fault: BROKEN,
    backup: null,
    course: (place) => failed([at('primary', server(place)), at('primary', server(place))], PROVIDER_ERROR),
  },
  {
    name: '401, nobody else',
    fault: { kind: 'status', status: 401 },
    backup: null,
    course: ({ vendor }) => {
      const code = { openai: 'invalid_api_key', anthropic: 'authentication_error', vllm: 'provider_refused' }[vendor];
      return failed([at('primary', { class: 'provider_fault', code, status: 401, wire: '401 sent' })], PROVIDER_ERROR);
    },
  },
  {
    name: '429 once, nobody else',
    fault: { kind: 'status', status: 429, retry_after_ms: 300 },
    backup: null,
    course: (place) => waited(limited(place)),
  },
  {
    name: '500, and the backup too',
    fault: BROKEN,
    backup: { fault: BROKEN },
    course: (place) => {
      // The backup speaks OpenAI's protocol, whatever the primary's is.
      const other = server({ ...place, vendor: 'openai' });
      const own = server(place);
      return failed([at('primary', own), at('primary', own), at('backup', other), at('backup', other)], PROVIDER_ERROR);
    },
  },
  {
    name: '500, and the backup is at its limit once',
    fault: BROKEN,
    backup: { fault: { kind: 'status', status: 429, retry_after_ms: 300 } },
    course: (place) => {
      const course = retried(server(place));
      const [first, second, answer] = course.attempts;
      if (!first || !second || !answer) throw new Error('a retried course has three attempts');
      return { ...course, attempts: [first, second, at('backup', limited({ ...place, vendor: 'openai' })), answer] };
    },
  },
];
