import type { OutputSpec } from '#contracts/orchestration.js';
import { readJson } from './read-json.js';
import type { SchemaValidator } from './schema-validator.js';
import { shapeText } from './shape-text.js';
import { stripThink } from './strip-think.js';

/** `valid`: the text to hand to the client. `invalid`: what the model wrote, without its thinking, to ask again about. */
export type ReadAnswer = { kind: 'valid'; text: string } | { kind: 'invalid'; text: string; errors: string[] };

/** Reads a model's text as the output that a client asked for: takes thinking out, finds what was asked for, validates, shapes. */
export class AnswerReader {
  constructor(private readonly validator: SchemaValidator) {}

  /** Rejects only when validating itself is broken; an answer that is not what was asked for is `invalid`. */
  async read(text: string, spec: OutputSpec): Promise<ReadAnswer> {
    const answer = spec.stripThink ? stripThink(text) : text;
    if (spec.format === null) return { kind: 'valid', text: answer };
    if (spec.format === 'json') return this.readJson(answer, spec);
    const shaped = shapeText(answer, spec.format);
    return shaped.kind === 'shaped'
      ? { kind: 'valid', text: shaped.text }
      : { kind: 'invalid', text: answer, errors: [shaped.error] };
  }

  private async readJson(answer: string, { schema }: OutputSpec): Promise<ReadAnswer> {
    const json = readJson(answer);
    if (json.kind === 'fault') return { kind: 'invalid', text: answer, errors: [json.error] };
    if (schema === null) return { kind: 'valid', text: json.text };
    const validation = await this.validator.validate(schema, json.text);
    return validation.valid
      ? { kind: 'valid', text: json.text }
      : { kind: 'invalid', text: answer, errors: validation.errors };
  }
}
