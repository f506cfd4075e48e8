import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { resolvePolicy } from '#routing/resolve-policy.js';
import { TokenhubFieldDto } from '../jobs/job-request.dto.js';
import type { SubmitRequest } from '../jobs/job-submission.js';
import { validateDto } from '../jobs/validate-dto.js';
import { validateBody } from './body-schemas.js';

export interface OpenAiRequest extends Pick<SubmitRequest, 'kind' | 'body' | 'policy' | 'metadata'> {
  stream: boolean;
  /** The client asked for the usage chunk. */
  includeUsage: boolean;
}

/** Checks an OpenAI-shaped body and takes Tokenhub's own field out of it: what is left may be forwarded. */
export function parseOpenAiRequest(kind: CallKind, raw: unknown): OpenAiRequest {
  if (!isJsonObject(raw)) throw new TokenhubError('invalid_type', 'The body must be a JSON object.');
  const { tokenhub, ...body } = raw;
  validateBody(kind, body);
  const own =
    tokenhub === undefined
      ? undefined
      : validateDto(TokenhubFieldDto, tokenhub, { path: 'tokenhub', opaque: ['metadata'] });
  return {
    kind,
    body,
    // Somebody is waiting at the other end of the connection.
    policy: resolvePolicy(own?.policy, { priority: 'high' }),
    metadata: own?.metadata ?? {},
    stream: kind !== 'embedding' && body.stream === true,
    includeUsage: asksForUsage(body),
  };
}

function asksForUsage(body: JsonObject): boolean {
  return isJsonObject(body.stream_options) && body.stream_options.include_usage === true;
}
