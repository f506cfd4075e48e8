import type { ErrorClass } from '#contracts/attempt.js';
import type { FaultOf } from '../../apps/simulator/src/fault-shapes.js';
import { byClass } from './fault-courses.js';
import type { Row, Vendor } from './fault-row.js';

/** An error answer of one vendor, its class, and the code that the record gives it. */
type Line = [fault: number | Omit<FaultOf<'status'>, 'kind'>, errorClass: ErrorClass, code: string];

const OPENAI: Line[] = [
  [307, 'provider_fault', 'invalid_request_error'],
  [400, 'invalid_request', 'invalid_value'],
  [{ status: 400, code: 'context_length_exceeded' }, 'context_overflow', 'context_length_exceeded'],
  [401, 'provider_fault', 'invalid_api_key'],
  [402, 'provider_fault', 'invalid_request_error'],
  [403, 'provider_fault', 'unsupported_country_region_territory'],
  [404, 'provider_fault', 'model_not_found'],
  [408, 'transient', 'invalid_request_error'],
  [409, 'transient', 'conflict_error'],
  [413, 'invalid_request', 'request_too_large'],
  [418, 'invalid_request', 'invalid_request_error'],
  [422, 'invalid_request', 'invalid_request_error'],
  [429, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after: 7 }, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after_ms: 1 }, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after: 86_400 }, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after: 'Fri, 31 Dec 2100 23:59:59 GMT' }, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after: 'soon' }, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, code: 'insufficient_quota' }, 'provider_fault', 'insufficient_quota'],
  [500, 'transient', 'server_error'],
  [502, 'transient', 'server_error'],
  [503, 'transient', 'server_is_overloaded'],
  [{ status: 503, retry_after: 86_400 }, 'transient', 'server_is_overloaded'],
  [504, 'transient', 'server_error'],
  [529, 'rate_limited', 'server_error'],
];

const ANTHROPIC: Line[] = [
  [307, 'provider_fault', 'invalid_request_error'],
  [400, 'invalid_request', 'invalid_request_error'],
  [{ status: 400, code: 'context_length_exceeded' }, 'context_overflow', 'context_length_exceeded'],
  [{ status: 400, code: 'insufficient_quota' }, 'provider_fault', 'invalid_request_error'],
  [401, 'provider_fault', 'authentication_error'],
  [402, 'provider_fault', 'billing_error'],
  [403, 'provider_fault', 'permission_error'],
  [404, 'provider_fault', 'not_found_error'],
  [408, 'transient', 'invalid_request_error'],
  [409, 'transient', 'conflict_error'],
  [413, 'invalid_request', 'request_too_large'],
  [422, 'invalid_request', 'invalid_request_error'],
  [429, 'rate_limited', 'rate_limit_error'],
  [{ status: 429, retry_after: 7 }, 'rate_limited', 'rate_limit_error'],
  [{ status: 429, code: 'insufficient_quota' }, 'provider_fault', 'enforced_spend_limit_reached'],
  [500, 'transient', 'api_error'],
  [502, 'transient', 'api_error'],
  [503, 'rate_limited', 'overloaded_error'],
  [504, 'transient', 'timeout_error'],
  [529, 'rate_limited', 'overloaded_error'],
];

const VLLM: Line[] = [
  [307, 'provider_fault', 'provider_refused'],
  [400, 'invalid_request', 'invalid_request_error'],
  [{ status: 400, code: 'context_length_exceeded' }, 'context_overflow', 'context_length_exceeded'],
  [401, 'provider_fault', 'provider_refused'],
  [403, 'provider_fault', 'provider_refused'],
  [404, 'provider_fault', 'model_not_found'],
  [408, 'transient', 'server_error'],
  [409, 'transient', 'server_error'],
  [413, 'invalid_request', 'invalid_request_error'],
  [422, 'invalid_request', 'invalid_request_error'],
  [429, 'rate_limited', 'rate_limit_exceeded'],
  [{ status: 429, retry_after: 7 }, 'rate_limited', 'rate_limit_exceeded'],
  [500, 'transient', 'server_error'],
  [501, 'invalid_request', 'invalid_request_error'],
  [502, 'transient', 'server_error'],
  [503, 'rate_limited', 'server_is_overloaded'],
  [{ status: 503, code: 'engine_dead' }, 'transient', 'server_error'],
  [504, 'transient', 'server_error'],
];

/** Every status of the vendors' error tables, in the vendor's words. */
export const STATUS_ROWS: Row[] = [
  ...rowsOf('openai', OPENAI),
  ...rowsOf('anthropic', ANTHROPIC),
  ...rowsOf('vllm', VLLM),
];

function rowsOf(vendor: Vendor, lines: Line[]): Row[] {
  return lines.map(([said, errorClass, code]) => {
    const fault = typeof said === 'number' ? { status: said } : said;
    const { status } = fault;
    return {
      name: nameOf(fault),
      vendors: [vendor],
      fault: { kind: 'status', ...fault },
      course: () => byClass({ class: errorClass, code, status, wire: `${status} sent` }),
    };
  });
}

function nameOf({ status, code, retry_after: after, retry_after_ms: afterMs }: Line[0] & object): string {
  const wait = after ?? (afterMs === undefined ? undefined : `${afterMs} ms`);
  return [status, code, wait === undefined ? undefined : `Retry-After: ${wait}`].filter(Boolean).join(' ');
}
