import { chat, type Json } from './doors.js';

/* What is wrong with an orchestration, an output or an envelope: the code and the path of the refusal. */

const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };

/** What is wrong with an orchestration or an output wherever it comes in, and the field that the error names. */
export const WRONG: [Json, string, string][] = [
  [{ orchestration: { mode: 'duel' } }, 'invalid_value', 'orchestration.mode'],
  [{ orchestration: { mode: 'adversarial', iterations: 0 } }, 'invalid_value', 'orchestration.iterations'],
  [{ orchestration: { mode: 'adversarial', iterations: 11 } }, 'invalid_value', 'orchestration.iterations'],
  [{ orchestration: { mode: 'adversarial', iterations: '2' } }, 'invalid_type', 'orchestration.iterations'],
  [{ orchestration: { mode: 'refine', iterations: 1.5 } }, 'invalid_type', 'orchestration.iterations'],
  [{ orchestration: { mode: 'planning', iterations: 2 } }, 'unsupported_value', 'orchestration.iterations'],
  [{ orchestration: { mode: 'vote', voters: 1 } }, 'invalid_value', 'orchestration.voters'],
  [{ orchestration: { mode: 'vote', voters: 11 } }, 'invalid_value', 'orchestration.voters'],
  [{ orchestration: { mode: 'refine', voters: 4 } }, 'unsupported_value', 'orchestration.voters'],
  [{ orchestration: { mode: 'vote', review_min_weight: 11 } }, 'invalid_value', 'orchestration.review_min_weight'],
  [{ orchestration: { mode: 'vote', return_plan_only: true } }, 'unsupported_value', 'orchestration.return_plan_only'],
  [
    { orchestration: { mode: 'refine', return_plan_only: true } },
    'unsupported_value',
    'orchestration.return_plan_only',
  ],
  [{ orchestration: { mode: 'vote', speed: 1 } }, 'unknown_parameter', 'orchestration.speed'],
  [
    { orchestration: { mode: 'vote', output_schema: { type: 'nothing' } } },
    'invalid_schema',
    'orchestration.output_schema',
  ],
];
export const WRONG_OUTPUTS: [Json, string, string][] = [
  [{ output: { format: 'yaml' } }, 'invalid_value', 'output.format'],
  [{ output: { format: 'markdown', schema } }, 'unsupported_value', 'output.schema'],
  [{ output: { schema: { type: 'nothing' } } }, 'invalid_schema', 'output.schema'],
  [{ output: { indent: 2 } }, 'unknown_parameter', 'output.indent'],
  [
    { orchestration: { mode: 'vote', output_schema: schema }, output: { schema } },
    'invalid_request',
    'orchestration.output_schema',
  ],
];

export interface Door {
  path: string;
  /** Before the names of our fields. */
  prefix: string;
  body: (ours: Json, request?: Json) => Json;
}

const typeOf = ({ orchestration }: Json): string => (orchestration === undefined ? 'chat' : 'orchestration');
export const DOORS: Door[] = [
  ...['/v1/jobs', '/v1/route/explain'].map((path) => ({
    path,
    prefix: '',
    body: (ours: Json, request: Json = {}) => ({ type: typeOf(ours), request: chat(request), ...ours }),
  })),
  {
    path: '/v1/chat/completions',
    prefix: 'tokenhub.',
    body: (ours: Json, request: Json = {}) => ({ ...chat(request), tokenhub: ours }),
  },
];
/** Path, body, code and field. */
export const OF_ONE_DOOR: [string, Json, string, string][] = [
  ['/v1/jobs', { type: 'orchestration', request: chat() }, 'missing_required_parameter', 'orchestration'],
  [
    '/v1/jobs',
    { type: 'chat', request: chat(), orchestration: { mode: 'vote' } },
    'unsupported_value',
    'orchestration',
  ],
  ['/v1/jobs', { type: 'completion', request: { prompt: 'a' }, output: {} }, 'unsupported_value', 'output'],
  ['/v1/jobs', { type: 'embedding', request: { input: 'a' }, output: {} }, 'unsupported_value', 'output'],
  [
    '/v1/jobs',
    { type: 'orchestration', request: { prompt: 'a' }, orchestration: { mode: 'vote' } },
    'missing_required_parameter',
    'request.messages',
  ],
  [
    '/v1/jobs',
    { type: 'orchestration', request: chat({ n: 2 }), orchestration: { mode: 'vote' } },
    'unsupported_value',
    'request.n',
  ],
  [
    '/v1/chat/completions',
    { ...chat({ n: 2 }), tokenhub: { orchestration: { mode: 'vote' } } },
    'unsupported_value',
    'n',
  ],
  [
    '/v1/chat/completions',
    { ...chat({ logprobs: true, stream: true }), tokenhub: { orchestration: { mode: 'refine' } } },
    'unsupported_value',
    'logprobs',
  ],
  [
    '/v1/completions',
    { prompt: 'a', tokenhub: { orchestration: { mode: 'vote' } } },
    'unsupported_value',
    'tokenhub.orchestration',
  ],
  ['/v1/embeddings', { input: 'a', tokenhub: { output: {} } }, 'unsupported_value', 'tokenhub.output'],
  ['/v1/chat', { request: chat(), orchestration: {} }, 'missing_required_parameter', 'orchestration.mode'],
  ['/v1/chat', { request: chat({ stream: true }) }, 'unsupported_value', 'request.stream'],
  ['/v1/chat', { request: chat({ temperature: 1 }) }, 'unknown_parameter', 'request.temperature'],
  ['/v1/plan', { request: chat(), output_format: { type: 'yaml' } }, 'invalid_value', 'output_format.type'],
  [
    '/v1/plan',
    { request: chat(), orchestration: { mode: 'vote', iterations: 1 } },
    'invalid_value',
    'orchestration.voters',
  ],
  ['/v1/adversarial', { prompt: '' }, 'invalid_value', 'prompt'],
  ['/v1/adversarial', { prompt: 'p', orchestration: { mode: 'vote' } }, 'unknown_parameter', 'orchestration.mode'],
  ['/v1/adversarial', { prompt: 'p', orchestration: { iterations: 11 } }, 'invalid_value', 'orchestration.iterations'],
];
