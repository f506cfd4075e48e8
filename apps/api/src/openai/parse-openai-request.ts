import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import { resolvePolicy } from '#routing/resolve-policy.js';
import { TokenhubFieldDto } from '../jobs/job-request.dto.js';
import type { SubmitRequest } from '../jobs/submit-request.js';
import { obeyDirectives } from '../jobs/obey-directives.js';
import { validateDto } from '../jobs/validate-dto.js';
import {
  parseShape,
  requireOneAnswer,
  unsupported,
  type GivenShape,
  type Shape,
} from '../orchestrations/parse-shape.js';
import { validateBody } from './body-schemas.js';

export interface OpenAiRequest extends Pick<SubmitRequest, 'kind' | 'body' | 'policy' | 'metadata'>, Shape {
  stream: boolean;
  /** The client asked for the usage chunk. */
  includeUsage: boolean;
  /** A directive asked for the routing decision. */
  includeDecision: boolean;
}

/**
 * Checks an OpenAI-shaped body and takes Tokenhub's own field and all directives out of it: what is left may be forwarded.
 * `defaults` is the policy of its key.
 */
export function parseOpenAiRequest(kind: CallKind, raw: unknown, defaults: Partial<Policy> = {}): OpenAiRequest {
  if (!isJsonObject(raw)) throw new TokenhubError('invalid_type', 'The body must be a JSON object.');
  const { tokenhub, ...sent } = raw;
  validateBody(kind, sent);
  const own =
    tokenhub === undefined
      ? undefined
      : validateDto(TokenhubFieldDto, tokenhub, { path: 'tokenhub', opaque: ['metadata', 'orchestration', 'output'] });
  // Somebody is waiting at the other end of the connection.
  const policy = resolvePolicy(own?.policy, { priority: 'high', ...defaults });
  const obeyed = obeyDirectives({ kind, body: sent }, { policy, ...shapeOf(kind, own) });
  const { body } = obeyed;
  requireOneAnswer(body, { shape: obeyed, path: '' });
  return {
    kind,
    ...obeyed,
    metadata: own?.metadata ?? {},
    stream: kind !== 'embedding' && body.stream === true,
    includeUsage: asksForUsage(body),
  };
}

const PATHS = { orchestration: 'tokenhub.orchestration', output: 'tokenhub.output' };

function shapeOf(kind: CallKind, own: TokenhubFieldDto | undefined): GivenShape {
  if (kind === 'chat') return parseShape(own ?? {}, { paths: PATHS });
  for (const field of ['orchestration', 'output'] as const) {
    if (own?.[field] != null) throw unsupported(PATHS[field], `Only chats have an ${field}; this is no chat.`);
  }
  return { orchestration: null, output: null, iterationsGiven: false };
}

function asksForUsage(body: JsonObject): boolean {
  return isJsonObject(body.stream_options) && body.stream_options.include_usage === true;
}
