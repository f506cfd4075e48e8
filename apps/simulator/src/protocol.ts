import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject } from '#contracts/json.js';
import type { Draft } from './draft.js';
import type { Plan } from './plan.js';
import type { Settings } from './settings.js';

/** What a route does, by the same name in every vendor's protocol. */
export const ENDPOINT_NAMES = [
  'chat',
  'completion',
  'embedding',
  'models',
  'tokens',
  'health',
  'version',
  'tokenize',
  'detokenize',
  'metrics',
] as const;
export type EndpointName = (typeof ENDPOINT_NAMES)[number];

/** An error before a vendor's protocol puts it into its own shape. */
export interface Problem {
  status: number;
  message: string;
  type: string;
  code: string | null;
  param: string | null;
  headers?: Record<string, string>;
}

/** The parts of an error that are wished for; a protocol fills the others in its vendor's words. */
export type ProblemWish = Pick<Problem, 'status'> & Partial<Problem>;

/** Thrown where a request turns out to be wrong. */
export class RequestProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

/** A request as a route sees it: read, with the settings that hold for it. */
export interface ModelRequest {
  path: string;
  body: JsonObject;
  /** As the body names it; empty when it does not. */
  model: string;
  settings: Settings;
  /** An answer given word for word by whoever sent the request. */
  text: string | null;
  /** A fault's hold on the answer; every route with a draft passes it through. */
  reshape: (draft: Draft) => Draft;
}

export interface Route {
  endpoint: EndpointName;
  /** The route's own path, by which requests are counted. */
  path: string;
  method: 'GET' | 'POST';
  /** Makes the whole answer; throws RequestProblem. */
  answer(request: ModelRequest): Plan;
}

/** One vendor's wire protocol. A new one is a file that exports a function returning this, and a line in `simulator.ts`. */
export interface Protocol {
  name: string;
  /** The route of a path, or null when the path is none of this vendor's. */
  route(path: string): Route | null;
  /** Throws RequestProblem when a credential is asked for and the headers do not carry it. */
  authorize(headers: IncomingHttpHeaders): void;
  /** Headers of every answer. */
  answerHeaders(exchange: { requestId: string; processingMs: number }): Record<string, string>;
  /** Completes an error in the vendor's words. */
  problem(wish: ProblemWish): Problem;
  errorBody(problem: Problem): string;
  /** The error as an event inside a stream. */
  errorFrame(problem: Problem): string;
  /** The event that closes a stream. */
  doneFrame: string;
}
