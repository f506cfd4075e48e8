import { ProviderError } from '../provider-error.js';
import type { EndpointOutcome } from './endpoint-set.js';

/** What a call's failure says about the endpoint that it went to. */
export function judgeEndpoint(error: unknown): EndpointOutcome {
  // An abort has its own reason, and says nothing about the endpoint.
  if (!(error instanceof ProviderError)) return 'neutral';
  const { code } = error.options;
  if (OURS.has(code)) return 'neutral';
  if (UNREACHABLE.has(code)) return 'unreachable';
  return FAILING.has(error.errorClass) ? 'failing' : 'answered';
}

const OURS: ReadonlySet<string> = new Set(['deadline', 'aborted', 'shutting_down', 'unsendable_request']);
const UNREACHABLE: ReadonlySet<string> = new Set(['connection_refused', 'connection_failed', 'connect_timeout']);

/** An overload and a wrong model are failures of this endpoint, too: another one may be free, or right. */
const FAILING: ReadonlySet<string> = new Set(['transient', 'rate_limited', 'provider_fault']);
