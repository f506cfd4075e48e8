import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Directives } from './directives.js';
import { readDirectives } from './read-directives.js';
import { stripBody } from './strip-body.js';

export interface Taken {
  /** Without any directive; the same object when there was none. */
  body: JsonObject;
  directives: Directives;
}

/**
 * Takes the directives out of a validated body before anything else is done with it. Throws `invalid_value` for one that
 * stands where it is obeyed and cannot be.
 */
export function takeDirectives(kind: CallKind, body: JsonObject): Taken {
  const stripped = stripBody(body);
  return { body: stripped, directives: stripped === body ? {} : readDirectives(kind, body) };
}
