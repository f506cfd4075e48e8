import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import { parseWork, type Work } from '../jobs/parse-job-request.js';
import { validateDto } from '../jobs/validate-dto.js';
import { validateBody } from '../openai/body-schemas.js';
import {
  AdversarialDto,
  AdversarialOptionsDto,
  EnvelopeDto,
  EnvelopeRequestDto,
  OutputFormatDto,
} from './envelope.dto.js';
import { unsupported } from './parse-shape.js';

export interface EnvelopeWork extends Work {
  metadata: Record<string, string>;
}

/** Somebody is waiting at the other end of the connection. */
const ATTENDED: Partial<Policy> = { priority: 'high' };

/** Fields of an OpenAI chat that have a place of their own in the envelope, or none. */
const NO_PARAMETERS: Record<string, string> = {
  messages: 'the messages are in request.messages',
  model: 'a model is named in request.model_hint',
  stream: 'streams are at /v1/chat/completions',
  stream_options: 'streams are at /v1/chat/completions',
  tokenhub: 'what is Tokenhub’s own is beside the request',
};

const MOST_PAIRS = 16;

/**
 * Checks the envelope of the original product's `POST /v1/chat` and `/v1/plan`; throws with the path of what is wrong.
 * `defaults` is the policy of its key.
 */
export function parseEnvelope(raw: unknown, door: 'chat' | 'plan', defaults: Partial<Policy> = {}): EnvelopeWork {
  const envelope = validateDto(EnvelopeDto, raw, {
    opaque: ['capabilities', 'request', 'orchestration', 'output_format'],
  });
  const request = validateDto(EnvelopeRequestDto, envelope.request, {
    path: 'request',
    opaque: ['messages', 'meta', 'output_schema', 'parameters'],
  });
  if (request.stream === true) {
    throw unsupported('request.stream', 'This call answers in one piece: streams are at /v1/chat/completions.');
  }
  const format =
    envelope.output_format == null
      ? new OutputFormatDto()
      : validateDto(OutputFormatDto, envelope.output_format, { path: 'output_format', opaque: ['schema'] });
  const orchestration = orchestrationOf(envelope.orchestration, door);
  const work = parseWork(
    {
      type: orchestration === null ? 'chat' : 'orchestration',
      request: bodyOf(request, format),
      ...(envelope.policy && { policy: envelope.policy }),
      orchestration,
      output: { format: format.type, schema: format.schema, strip_think: format.strip_think },
    },
    {
      // A hint is no wish for this model and no other.
      policy: { ...ATTENDED, ...(request.model_hint != null && { fallback: true }), ...defaults },
      paths: { output: 'output_format', body: 'request.parameters.' },
      schemas: request.output_schema ? [{ schema: request.output_schema, param: 'request.output_schema' }] : [],
    },
  );
  return { ...work, metadata: metadataOf(request) };
}

/** Checks the body of `POST /v1/adversarial`. */
export function parseAdversarial(raw: unknown, defaults: Partial<Policy> = {}): EnvelopeWork {
  const envelope = validateDto(AdversarialDto, raw, { opaque: ['orchestration'] });
  const { prompt, max_tokens: maxTokens, policy, orchestration } = envelope;
  if (orchestration != null) validateDto(AdversarialOptionsDto, orchestration, { path: 'orchestration' });
  const body = { messages: [{ role: 'user', content: prompt }], ...(maxTokens != null && { max_tokens: maxTokens }) };
  const work = parseWork(
    {
      type: 'orchestration',
      request: body,
      ...(policy && { policy }),
      orchestration: { ...orchestration, mode: 'adversarial' },
    },
    { policy: { ...ATTENDED, ...defaults } },
  );
  return { ...work, metadata: {} };
}

/** The mode of a plan may be left open, and of a vote `iterations` was always the number of voters: as in the original. */
function orchestrationOf(given: JsonObject | null | undefined, door: 'chat' | 'plan'): JsonObject | null {
  if (given == null) return door === 'plan' ? { mode: 'planning' } : null;
  const open = given.mode == null || given.mode === '';
  const wire = open && door === 'plan' ? { ...given, mode: 'planning' } : given;
  if (wire.mode !== 'vote' || wire.voters != null || !Number.isInteger(wire.iterations)) return wire;
  const { iterations, ...rest } = wire;
  return { ...rest, voters: iterations };
}

function bodyOf(request: EnvelopeRequestDto, { max_tokens: maxTokens }: OutputFormatDto): JsonObject {
  const { messages, model_hint: model } = request;
  const parameters = request.parameters ?? {};
  for (const [field, why] of Object.entries(NO_PARAMETERS)) {
    if (parameters[field] !== undefined)
      throw unsupported(`request.parameters.${field}`, `Leave out ${field}: ${why}.`);
  }
  const twice = ['max_tokens', 'max_completion_tokens'].find((field) => maxTokens != null && parameters[field] != null);
  if (twice) {
    const param = `request.parameters.${twice}`;
    throw new TokenhubError('invalid_request', `Give either output_format.max_tokens or ${param}, not both.`, {
      param,
    });
  }
  // Apart first, so that a fault is named by the place where the client put it.
  validateBody('chat', { messages }, 'request');
  validateBody('chat', { messages, ...parameters }, 'request.parameters');
  return {
    ...parameters,
    messages,
    ...(model != null && { model }),
    ...(maxTokens != null && { max_tokens: maxTokens }),
  };
}

function metadataOf({ id, meta }: EnvelopeRequestDto): Record<string, string> {
  if (id == null) return meta ?? {};
  if (meta?.request_id !== undefined) {
    throw new TokenhubError('invalid_request', 'Give either request.id or request.meta.request_id, not both.', {
      param: 'request.meta.request_id',
    });
  }
  const metadata = { ...meta, request_id: id };
  if (Object.keys(metadata).length <= MOST_PAIRS) return metadata;
  throw new TokenhubError('invalid_value', `request.meta and request.id are at most ${MOST_PAIRS} pairs together.`, {
    param: 'request.meta',
  });
}
