import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/*
 * The validation worker loads this file by its address, also where it is not compiled yet, so nothing here may be imported
 * from another file of Tokenhub.
 */

/** What is wrong with a value, in sentences; empty when it satisfies the schema. */
export type FindFaults = (value: unknown) => string[];

const MOST_FAULTS = 10;
const LONGEST_FAULT = 300;
const MOST_COMPILED = 100;
/** Compiled code takes some fifty times the memory of its schema, and the worker has a few hundred megabytes. */
const MOST_COMPILED_CHARACTERS = 1_000_000;

/** Compiles a prepared schema. Throws what Ajv throws when it cannot. */
export function compileSchema(prepared: object | boolean): FindFaults {
  const ajv = new Ajv2020({
    allErrors: true,
    // Otherwise a property called `toString` is found in every object.
    ownProperties: true,
    code: { regExp: toRegExp },
    // A schema with a thousand references to a long one would become a thousand copies of it.
    inlineRefs: false,
    strict: false,
    validateSchema: false,
    meta: false,
    logger: false,
  });
  addFormats.default(ajv, { keywords: false });
  ajv.addFormat('regex', isRegExp);
  const validate = ajv.compile(prepared);
  return (value) => (validate(value) ? [] : describe(validate));
}

/** Validators by the text of their prepared schema; the longest unused go first. */
export class CompiledSchemas {
  private readonly compiled = new Map<string, FindFaults>();
  private characters = 0;

  get size(): number {
    return this.compiled.size;
  }

  get(text: string): FindFaults {
    const findFaults = this.compiled.get(text) ?? compileSchema(JSON.parse(text) as object | boolean);
    this.delete(text);
    this.compiled.set(text, findFaults);
    this.characters += text.length;
    for (const oldest of this.compiled.keys()) {
      if (this.size <= MOST_COMPILED && this.characters <= MOST_COMPILED_CHARACTERS) break;
      this.delete(oldest);
    }
    return findFaults;
  }

  private delete(text: string): void {
    if (this.compiled.delete(text)) this.characters -= text.length;
  }
}

/** True for what `pattern` may hold. */
export function isRegExp(pattern: string): boolean {
  try {
    toRegExp(pattern);
    return true;
  } catch {
    return false;
  }
}

/**
 * Patterns are read by the rules of the `u` flag, as JSON Schema advises; those that it refuses, without: schemas written for
 * Python escape what need not be escaped, such as `\-`.
 */
function toRegExp(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return new RegExp(pattern);
  }
}
toRegExp.code = 'toRegExp';

function describe(validate: ValidateFunction): string[] {
  const errors = validate.errors ?? [];
  // Of `if`, only what then or else asked for says something.
  const telling = errors.filter(({ keyword }) => keyword !== 'if');
  const sentences = new Set<string>();
  for (const error of telling.length > 0 ? telling : errors) {
    sentences.add(cut(toSentence(error)));
    if (sentences.size === MOST_FAULTS) break;
  }
  return [...sentences];
}

function toSentence({ instancePath, keyword, message, params }: ErrorObject): string {
  const where = instancePath === '' ? 'The answer' : instancePath;
  return `${where} ${message ?? `fails ${keyword}`}${detail(keyword, params)}.`;
}

/** What Ajv's message leaves out: which property, which values. */
function detail(keyword: string, params: Record<string, unknown>): string {
  const said = {
    additionalProperties: params.additionalProperty,
    unevaluatedProperties: params.unevaluatedProperty,
    propertyNames: params.propertyName,
    enum: params.allowedValues,
    const: params.allowedValue,
  }[keyword];
  return said === undefined ? '' : `: ${JSON.stringify(said)}`;
}

function cut(sentence: string): string {
  return sentence.length > LONGEST_FAULT ? `${sentence.slice(0, LONGEST_FAULT - 1)}…` : sentence;
}
