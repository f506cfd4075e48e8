import { expect, test } from '@jest/globals';
import type { ErrorClass } from '#contracts/attempt.js';
import { ProviderError } from '../provider-error.js';
import type { EndpointOutcome } from './endpoint-set.js';
import { judgeEndpoint } from './judge-endpoint.js';

test.each<[ErrorClass, string, EndpointOutcome]>([
  ['transient', 'connection_refused', 'unreachable'],
  ['transient', 'connect_timeout', 'unreachable'],
  ['transient', 'connection_failed', 'unreachable'],
  ['transient', 'connection_reset', 'failing'],
  ['transient', 'first_token_timeout', 'failing'],
  ['transient', 'server_error', 'failing'],
  ['rate_limited', 'server_is_overloaded', 'failing'],
  ['provider_fault', 'model_not_found', 'failing'],
  ['transient', 'deadline', 'neutral'],
  ['transient', 'shutting_down', 'neutral'],
  ['provider_fault', 'unsendable_request', 'neutral'],
  ['invalid_request', 'invalid_request_error', 'answered'],
  ['context_overflow', 'context_length_exceeded', 'answered'],
  ['content_filtered', 'content_filter', 'answered'],
])('%s with %s says of the endpoint: %s', (errorClass, code, outcome) => {
  expect(judgeEndpoint(new ProviderError(errorClass, 'm', { code }))).toBe(outcome);
});

test('a cancelled call says nothing', () => {
  expect(judgeEndpoint(new Error('cancelled by the client'))).toBe('neutral');
});
