import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject } from '#contracts/json.js';
import type { Draft } from './draft.js';
import type { Counting } from './limit-settings.js';
import type { Plan } from './plan.js';
import type { LimitState, Refusal, RequestSize } from './rate-limiter.js';
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
  /** What limits count of a request; a route without it is under none. Throws RequestProblem. */
  size?(request: ModelRequest): RequestSize;
  /** Makes the whole answer; throws RequestProblem. */
  answer(request: ModelRequest): Plan;
}

/** How a vendor counts, shows and defends its limits. */
export interface LimitWords {
  counting: Counting;
  /** Headers of every answer under limits; `nowMs` is unix time. */
  headers: (states: readonly LimitState[], nowMs: number) => Record<string, string>;
  refusal: (refusal: Refusal, model: string) => ProblemWish;
}

/** One vendor's wire protocol. A new one is a file that exports a function returning this, and a line in `simulator.ts`. */
export interface Protocol {
  name: string;
  /** The route of a path, or null when the path is none of this vendor's. */
  route(path: string): Route | null;
  /** Throws RequestProblem when the path asks for a credential and the headers do not carry it. */
  authorize(headers: IncomingHttpHeaders, path: string): void;
  /** Headers of every answer. */
  answerHeaders(exchange: { requestId: string; processingMs: number }): Record<string, string>;
  /** Completes an error in the vendor's words. */
  problem(wish: ProblemWish): Problem;
  errorBody(problem: Problem): string;
  /** The error as an event inside a stream. */
  errorFrame(problem: Problem): string;
  /** The event that closes a stream. */
  doneFrame: string;
  limits: LimitWords;
}
