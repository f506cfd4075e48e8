import type { JsonObject } from '#contracts/json.js';
import {
  MOST_ITERATIONS,
  ORCHESTRATION_MODES,
  OUTPUT_FORMATS,
  type OrchestrationMode,
  type OutputFormat,
} from '#contracts/orchestration.js';
import { isJsonObject } from '#contracts/json.js';
import { holdsDirective } from './holds-directive.js';

/** The modes of directives that choose among models rather than make an orchestration. */
export const SCORE_MODES = ['cheap', 'normal', 'high_confidence'] as const;
export type ScoreMode = (typeof SCORE_MODES)[number];

/** True for a mode that `policy.mode` takes; all others are orchestrations. */
export function isScoreMode(mode: ScoreMode | OrchestrationMode | undefined): mode is ScoreMode {
  return (SCORE_MODES as readonly (string | undefined)[]).includes(mode);
}

/** What the directives of a request ask for, by the keys that clients write. */
export interface Directives {
  mode?: ScoreMode | OrchestrationMode;
  /** US dollars, for the whole job. */
  budget?: number;
  /** Milliseconds, expected latency plus wait. */
  latency?: number;
  min_weight?: number;
  iterations?: number;
  primary_min_weight?: number;
  review_min_weight?: number;
  primary_model_id?: string;
  review_model_id?: string;
  return_plan_only?: boolean;
  output_schema?: JsonObject;
  output_format?: OutputFormat;
  include_decision?: boolean;
}

export type DirectiveKey = keyof Directives;

interface Rule<Value> {
  /** Undefined when the text is no such value. */
  read: (text: string) => Value | undefined;
  /** What a value must be, for the error. */
  expected: string;
}

const MOST_BUDGET_USD = 100;
const MOST_LATENCY_MS = 300_000;
const MOST_WEIGHT = 10;
const LONGEST_MODEL_ID = 256;

/** Every key with the values that it takes. */
const RULES: { [Key in DirectiveKey]-?: Rule<NonNullable<Directives[Key]>> } = {
  mode: oneOf([...SCORE_MODES, ...ORCHESTRATION_MODES]),
  budget: {
    read: (text) => within(decimal(text), Number.MIN_VALUE, MOST_BUDGET_USD),
    expected: `a number of US dollars above 0 and up to ${MOST_BUDGET_USD}`,
  },
  latency: wholeNumber(1, MOST_LATENCY_MS),
  min_weight: weight(),
  iterations: wholeNumber(1, MOST_ITERATIONS),
  primary_min_weight: weight(),
  review_min_weight: weight(),
  primary_model_id: modelId(),
  review_model_id: modelId(),
  return_plan_only: flag(),
  output_schema: { read: jsonObject, expected: 'a JSON object on one line, and without directives in it' },
  output_format: oneOf(OUTPUT_FORMATS),
  include_decision: flag(),
};

export function isDirectiveKey(key: string): key is DirectiveKey {
  return Object.hasOwn(RULES, key);
}

/** The value that a text stands for; undefined when the key does not take it. */
export function readValue(key: DirectiveKey, text: string): Directives[DirectiveKey] {
  return RULES[key].read(text);
}

/** What a key's value must be, in words. */
export function expectedValue(key: DirectiveKey): string {
  return RULES[key].expected;
}

function oneOf<Value extends string>(values: readonly Value[]): Rule<Value> {
  return { read: (text) => values.find((value) => value === text), expected: `one of ${values.join(', ')}` };
}

function wholeNumber(least: number, most: number): Rule<number> {
  return {
    read: (text) => (/^\d+$/.test(text) ? within(Number(text), least, most) : undefined),
    expected: `a whole number from ${least} to ${most}`,
  };
}

function weight(): Rule<number> {
  return { read: (text) => within(decimal(text), 0, MOST_WEIGHT), expected: `a number from 0 to ${MOST_WEIGHT}` };
}

function modelId(): Rule<string> {
  return {
    read: (text) =>
      text !== '' && text.length <= LONGEST_MODEL_ID && !/\p{Cc}/u.test(text) && !holdsDirective(text)
        ? text
        : undefined,
    expected: `a model id of at most ${LONGEST_MODEL_ID} characters`,
  };
}

function flag(): Rule<boolean> {
  return {
    read: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
    expected: 'true or false',
  };
}

/** A schema goes to providers as text, so it must be as clean as all else that does. */
function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && !holdsDirective(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function decimal(text: string): number {
  return /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
}

function within(value: number, least: number, most: number): number | undefined {
  return value >= least && value <= most ? value : undefined;
}
