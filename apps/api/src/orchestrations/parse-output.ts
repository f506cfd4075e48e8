import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { OutputSpec } from '#contracts/orchestration.js';
import { checkSchema } from '#structured-output/check-schema.js';
import { validateDto } from '../jobs/validate-dto.js';
import { OutputDto } from './output.dto.js';

/** A schema for the final text, and the field that gave it. */
export interface GivenSchema {
  schema: JsonObject;
  param: string;
}

export interface OutputOptions {
  /** Where the output sits in the body. */
  path: string;
  /** Schemas from elsewhere in the body: one place may give it. */
  schemas?: readonly GivenSchema[];
}

/** Checks an output as clients write it; null when nothing is asked of the text. */
export function parseOutput(value: unknown, options: OutputOptions): OutputSpec | null {
  const { path, schemas = [] } = options;
  const wire = value == null ? new OutputDto() : validateDto(OutputDto, value, { path, opaque: ['schema'] });
  const given = wire.schema ? [{ schema: wire.schema, param: `${path}.schema` }, ...schemas] : schemas;
  const [only, other] = given;
  if (only && other) {
    throw new TokenhubError(
      'invalid_request',
      `Give the schema in one place, not in ${only.param} and ${other.param}.`,
      {
        param: other.param,
      },
    );
  }
  if (only && wire.format != null && wire.format !== 'json') {
    const message = `${only.param} goes with the format json, not with ${wire.format}.`;
    throw new TokenhubError('unsupported_value', message, { param: only.param });
  }
  if (only) checkSchema(only.schema, only.param);
  const format = wire.format ?? (only ? 'json' : null);
  // What a model thinks aloud is no part of an answer that must have a form.
  const stripThink = wire.strip_think ?? format !== null;
  return format === null && !stripThink ? null : { format, schema: only?.schema ?? null, stripThink };
}
