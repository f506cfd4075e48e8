import { Ajv, type ValidateFunction } from 'ajv';
import type { Arming } from './fault-book.js';
import type { AnswerFault } from './fault-shapes.js';
import { ANSWER_FAULT_SCHEMA, FAULT_SCHEMA } from './faults.js';
import { MATCH_SCHEMA } from './request-match.js';
import type { Script } from './script-book.js';
import { COUNT_SCHEMA, DELAY_SCHEMA, SETTINGS_PROPERTIES, type Settings } from './settings.js';

/** The `simulator` field of a request: settings, an answer and a fault for it alone. */
export interface Instructions extends Partial<Omit<Settings, 'limits'>> {
  text?: string;
  fault?: AnswerFault;
}

/** Thrown when something said to the simulator itself is not understood. */
export class InstructionError extends Error {}

const ajv = new Ajv({ discriminator: true, allowUnionTypes: true, strictTypes: false });

const { limits: _limits, ...REQUEST_SETTINGS } = SETTINGS_PROPERTIES;
const instructionsCheck = ajv.compile<Instructions>({
  type: 'object',
  properties: { ...REQUEST_SETTINGS, text: { type: 'string' }, fault: ANSWER_FAULT_SCHEMA },
  additionalProperties: false,
});
const settingsCheck = ajv.compile<Partial<Settings>>({
  type: 'object',
  properties: SETTINGS_PROPERTIES,
  additionalProperties: false,
});
const armingCheck = ajv.compile<Arming>({
  type: 'object',
  properties: {
    fault: FAULT_SCHEMA,
    match: MATCH_SCHEMA,
    times: { ...COUNT_SCHEMA, minimum: 1 },
    for_ms: DELAY_SCHEMA,
  },
  required: ['fault'],
  additionalProperties: false,
});
const scriptCheck = ajv.compile<Script>({
  type: 'object',
  properties: {
    match: MATCH_SCHEMA,
    text: { type: 'string' },
    settings: { type: 'object', properties: REQUEST_SETTINGS, minProperties: 1, additionalProperties: false },
    times: { ...COUNT_SCHEMA, minimum: 1 },
  },
  anyOf: [{ required: ['text'] }, { required: ['settings'] }],
  additionalProperties: false,
});

/** Reads the `simulator` field of a request; throws InstructionError. */
export function readInstructions(value: unknown): Instructions {
  return checked(instructionsCheck, value, 'simulator');
}

/** Reads settings to be changed; throws InstructionError. */
export function readSettings(value: unknown): Partial<Settings> {
  return checked(settingsCheck, value, 'settings');
}

/** Reads a fault to be armed; throws InstructionError. */
export function readArming(value: unknown): Arming {
  const arming = checked(armingCheck, value, 'body');
  if (arming.fault.kind === 'refused' && (arming.match !== undefined || arming.times !== undefined)) {
    throw new InstructionError('refused shuts the port for everybody: it takes no match and no times.');
  }
  return arming;
}

/** Reads a script to be played; throws InstructionError. */
export function readScript(value: unknown): Script {
  return checked(scriptCheck, value, 'body');
}

function checked<T>(check: ValidateFunction<T>, value: unknown, name: string): T {
  if (check(value)) {
    return value;
  }
  throw new InstructionError(ajv.errorsText(check.errors, { dataVar: name }));
}
