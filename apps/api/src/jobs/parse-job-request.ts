import { TokenhubError } from '#contracts/error-catalogue.js';
import { isJsonObject } from '#contracts/json.js';
import { resolvePolicy } from '#routing/resolve-policy.js';
import { validateBody } from '../openai/body-schemas.js';
import { JobRequestDto, type RouteRequestDto } from './job-request.dto.js';
import { jobTimes } from './job-times.js';
import type { SubmitRequest } from './job-submission.js';
import { validateDto } from './validate-dto.js';

/** What API.md names and this version does not do yet: refused by name rather than ignored. */
const LATER_FIELDS = ['orchestration', 'output'] as const;

type ParsedJob = Omit<SubmitRequest, 'principal' | 'delivery' | 'idempotency'>;

/** Checks the body of `POST /v1/jobs` and fills in its defaults; throws with the path of what is wrong. */
export function parseJobRequest(body: unknown, now: number): ParsedJob {
  refuseLater(body);
  const envelope = validateDto(JobRequestDto, body, { opaque: ['request', 'metadata'] });
  return {
    ...parseWork(envelope),
    ...jobTimes(envelope, now),
    metadata: envelope.metadata ?? {},
    webhook: envelope.webhook ? { url: envelope.webhook.url, events: envelope.webhook.events ?? ['job.*'] } : null,
  };
}

/** The part that `POST /v1/route/explain` shares. */
export function parseWork({ type, request, policy }: RouteRequestDto): Pick<ParsedJob, 'kind' | 'body' | 'policy'> {
  validateBody(type, request, 'request');
  return { kind: type, body: request, policy: resolvePolicy(policy) };
}

function refuseLater(body: unknown): void {
  if (!isJsonObject(body)) return;
  for (const field of LATER_FIELDS) {
    if (body[field] !== undefined && body[field] !== null) throw notYet(field, field);
  }
  if (body.type === 'orchestration') throw notYet('type', 'type "orchestration"');
}

function notYet(param: string, what: string): TokenhubError {
  return new TokenhubError('unsupported_value', `${what} is not available in this version.`, { param });
}
