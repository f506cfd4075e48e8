import { RequestProblem, type Problem, type ProblemWish } from './protocol.js';

interface Words {
  type: string;
  message: string;
  param?: string;
}

/** vLLM's words by status, and by status and code where a status has several meanings. */
const WORDS: Record<string, Words> = {
  '400': { type: 'BadRequestError', message: 'Invalid value in the request.' },
  '400 context_length_exceeded': {
    type: 'BadRequestError',
    message: overflowMessage({ window: 8192, output: 512, input: 9001 }),
    param: 'input_tokens',
  },
  '401': { type: 'Unauthorized', message: 'Unauthorized' },
  '404': { type: 'NotFoundError', message: 'The model does not exist.', param: 'model' },
  '404 unknown_url': { type: 'Not Found', message: 'Not Found' },
  '405': { type: 'Method Not Allowed', message: 'Method Not Allowed' },
  '422': { type: 'UnprocessableEntityError', message: 'The request cannot be processed.' },
  '429': { type: 'Too Many Requests', message: 'The waiting queue is full. Please try again later.' },
  '500': {
    type: 'InternalServerError',
    message: 'EngineCore encountered an issue. See stack trace (above) for the root cause.',
  },
  '501': { type: 'NotImplementedError', message: 'This server does not support the request.' },
  '503': { type: 'Service Unavailable', message: 'The request queue is full. Please try again later.' },
  '503 engine_dead': { type: 'Service Unavailable', message: 'The engine is not running.' },
};

/** Completes an error in vLLM's words for its status and code. */
export function vllmProblem(wish: ProblemWish): Problem {
  const words = WORDS[`${wish.status} ${wish.code ?? ''}`] ?? WORDS[String(wish.status)] ?? fallback(wish.status);
  return {
    status: wish.status,
    message: wish.message ?? words.message,
    type: wish.type ?? words.type,
    code: wish.code ?? null,
    param: wish.param === undefined ? (words.param ?? null) : wish.param,
    headers: wish.headers,
  };
}

/** vLLM's error body: its code is the status. The check of the key stands before all that and has a shape of its own. */
export function vllmErrorBody({ status, message, type, param }: Problem): string {
  if (status === 401) return JSON.stringify({ error: message });
  return JSON.stringify({ error: { message, type, param, code: status } });
}

/** Does something with OpenAI's routes; what they refuse is refused in vLLM's shape. */
export function inVllmWords<T>(answer: () => T): T {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof RequestProblem)) throw error;
    const { status, message, param } = error.problem;
    throw new RequestProblem(vllmProblem({ status, message, param }));
  }
}

/** The refusal of a request that does not fit into the window, to be thrown. */
export function overflow(sizes: { window: number; output: number; input: number }): RequestProblem {
  const wish = { status: 400, code: 'context_length_exceeded', param: 'input_tokens', message: overflowMessage(sizes) };
  return new RequestProblem(vllmProblem(wish));
}

function overflowMessage({ window, output, input }: { window: number; output: number; input: number }): string {
  return (
    `This model's maximum context length is ${window} tokens. However, you requested ${output} output tokens and your ` +
    `prompt contains at least ${input} input tokens, for a total of at least ${input + output} tokens. Please reduce ` +
    'the length of the input prompt or the number of requested output tokens.'
  );
}

function fallback(status: number): Words {
  return status >= 500
    ? { type: 'InternalServerError', message: `The server answered ${status}.` }
    : { type: 'BadRequestError', message: `The request was refused with ${status}.` };
}
