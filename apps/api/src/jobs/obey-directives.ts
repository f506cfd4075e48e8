import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import { applyDirectives, type Applied, type Asked } from '#directives/apply-directives.js';
import { takeDirectives } from '#directives/take-directives.js';
import { checkSchema } from '#structured-output/check-schema.js';
import { validateBody } from '../openai/body-schemas.js';

export interface DirectedBody {
  kind: CallKind;
  /** Validated, as the client sent it. */
  body: JsonObject;
  /** Where the body sits in its envelope. */
  path?: string;
}

/**
 * Reads the directives of a body, strips them all, and tightens what the request's own fields ask for. What is left is
 * validated anew: a prompt that was only a directive is no prompt. Throws `invalid_value` for a directive that cannot be obeyed.
 */
export function obeyDirectives({ kind, body: raw, path }: DirectedBody, asked: Asked): Applied & { body: JsonObject } {
  const { body, directives } = takeDirectives(kind, raw);
  if (body !== raw) validateBody(kind, body, path);
  const { output_schema: schema } = directives;
  if (schema !== undefined) checkSchema(schema, '@@tokenhub.output_schema');
  return { body, ...applyDirectives(directives, asked) };
}
