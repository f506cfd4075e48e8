import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, OutputSpec } from '#contracts/orchestration.js';
import { parseOrchestration } from './parse-orchestration.js';
import { parseOutput, type GivenSchema } from './parse-output.js';

/** What becomes of a request beyond one call: a graph of calls, a text that is checked, both or neither. */
export interface Shape {
  orchestration: OrchestrationSpec | null;
  output: OutputSpec | null;
}

/** The shape as the request's own fields ask for it. */
export interface GivenShape extends Shape {
  /** False where the number of rounds is a default. */
  iterationsGiven: boolean;
}

export interface ShapeOptions {
  /** Where things sit in what the client sent. */
  paths: { orchestration: string; output: string };
  /** Schemas that the client gave in a place of its door's own. */
  schemas?: readonly GivenSchema[];
}

/** Reads the `orchestration` and `output` that came with a chat body; absent and null are the same. */
export function parseShape(given: { orchestration?: unknown; output?: unknown }, options: ShapeOptions): GivenShape {
  const { paths, schemas = [] } = options;
  const graph = given.orchestration == null ? null : parseOrchestration(given.orchestration, paths.orchestration);
  const ofGraph = graph?.schema ? [{ schema: graph.schema, param: `${paths.orchestration}.output_schema` }] : [];
  const output = parseOutput(given.output, { path: paths.output, schemas: [...ofGraph, ...schemas] });
  return { orchestration: graph?.spec ?? null, output, iterationsGiven: graph?.iterationsGiven ?? false };
}

/**
 * Throws for what only a single call can have: several choices, and what a text's own tokens were worth. `path` is what comes before
 * the name of a body's field.
 */
export function requireOneAnswer(body: JsonObject, { shape, path }: { shape: Shape; path: string }): void {
  const { orchestration, output } = shape;
  const what = orchestration ? 'an orchestration' : 'an output that is checked';
  if ((orchestration || output) && typeof body.n === 'number' && body.n > 1) {
    throw unsupported(`${path}n`, `With ${what} there is one answer: leave out n.`);
  }
  const field = ['logprobs', 'top_logprobs'].find((name) => body[name]);
  if (orchestration && field) {
    throw unsupported(
      path + field,
      `The final text of an orchestration comes without log probabilities: leave out ${field}.`,
    );
  }
}

/** Refuses a field by name where it means nothing. */
export function unsupported(param: string, message: string): TokenhubError {
  return new TokenhubError('unsupported_value', message, { param });
}
