import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Policy } from '#contracts/policy.js';
import { resolvePolicy } from '#routing/resolve-policy.js';
import { validateBody } from '../openai/body-schemas.js';
import {
  parseShape,
  requireOneAnswer,
  unsupported,
  type Shape,
  type ShapeOptions,
} from '../orchestrations/parse-shape.js';
import { JobRequestDto, OPAQUE_ROUTE_FIELDS, type RouteRequestDto } from './job-request.dto.js';
import { jobTimes } from './job-times.js';
import type { SubmitRequest } from './submit-request.js';
import { obeyDirectives } from './obey-directives.js';
import { validateDto } from './validate-dto.js';

/** The work itself, whoever asks for it. */
export interface Work extends Pick<SubmitRequest, 'kind' | 'body' | 'policy'>, Shape {
  /** The client wants to see the routing decision beside the answer. */
  includeDecision: boolean;
}

type ParsedJob = Work & Omit<SubmitRequest, keyof Work | 'principal' | 'delivery' | 'idempotency'>;

/** What doors other than `POST /v1/jobs` do differently, and what the key says. */
export interface WorkOptions {
  /** Where the request says nothing. */
  policy?: Partial<Policy>;
  paths?: Partial<ShapeOptions['paths'] & { body: string }>;
  schemas?: ShapeOptions['schemas'];
}

/** Checks the body of `POST /v1/jobs` and fills in its defaults and its key's; throws with the path of what is wrong. */
export function parseJobRequest(body: unknown, now: number, policy: Partial<Policy> = {}): ParsedJob {
  const envelope = validateDto(JobRequestDto, body, { opaque: [...OPAQUE_ROUTE_FIELDS, 'metadata'] });
  return {
    ...parseWork(envelope, { policy }),
    ...jobTimes(envelope, now),
    metadata: envelope.metadata ?? {},
    webhook: envelope.webhook ? { url: envelope.webhook.url, events: envelope.webhook.events ?? ['job.*'] } : null,
  };
}

/** The part that `POST /v1/route/explain` and the original product's envelopes share; directives are obeyed and gone. */
export function parseWork(route: RouteRequestDto, options: WorkOptions = {}): Work {
  requireFitting(route);
  const { type, request, policy } = route;
  const kind = type === 'orchestration' ? 'chat' : type;
  validateBody(kind, request, 'request');
  const paths = { orchestration: 'orchestration', output: 'output', body: 'request.', ...options.paths };
  const { body, ...asked } = obeyDirectives(
    { kind, body: request, path: 'request' },
    {
      policy: resolvePolicy(policy, options.policy),
      ...parseShape(route, { paths, schemas: options.schemas ?? [] }),
    },
  );
  requireOneAnswer(body, { shape: asked, path: paths.body });
  // Many calls that nobody waits for let the others go first.
  const usual = asked.orchestration ? 'low' : 'normal';
  const priority = policy?.priority ?? options.policy?.priority ?? usual;
  return { kind, body, ...asked, policy: { ...asked.policy, priority } };
}

/** Throws where the type and what comes with it do not go together. */
function requireFitting({ type, orchestration, output }: RouteRequestDto): void {
  if (type === 'orchestration' && orchestration == null) {
    const message = "Missing required parameter: 'orchestration', which says how models work together.";
    throw new TokenhubError('missing_required_parameter', message, { param: 'orchestration' });
  }
  if (type !== 'orchestration' && orchestration != null) {
    throw unsupported('orchestration', `A job with an orchestration has the type orchestration, not ${type}.`);
  }
  if ((type === 'completion' || type === 'embedding') && output != null) {
    throw unsupported('output', `Only chats and orchestrations have an output; the type is ${type}.`);
  }
}
