import { plainToInstance, type ClassConstructor } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';

export interface ValidateOptions {
  /** Where the value sits in the body, for messages; empty for the body itself. */
  path?: string;
  /** Fields that are taken over as they are: large, free in form, and checked elsewhere. */
  opaque?: readonly string[];
}

/** No envelope has so many fields and list elements; a validator's work grows with them, and with their square where they must differ. */
const MOST_VALUES = 1_000;

/** Beyond, an error says how many more there are. */
const MOST_FAULTS = 20;

/** The longest name of a field that an error repeats whole. */
const LONGEST_NAME = 100;

/**
 * Checks one of Tokenhub's own envelopes against its class. Throws one error that lists the faults (20 at most) with their JSON
 * pointers; fields that the class does not have are faults. What has more than a thousand values beside its opaque fields is refused whole.
 */
export function validateDto<T extends object>(
  dto: ClassConstructor<T>,
  value: unknown,
  options: ValidateOptions = {},
): T {
  const path = options.path ?? '';
  if (!isJsonObject(value)) {
    throw new TokenhubError('invalid_type', `${path || 'The body'} must be a JSON object.`, {
      param: path || undefined,
    });
  }
  if (holdsMore(MOST_VALUES, value, options.opaque)) {
    const detail = `${path || 'The body'} has more than ${MOST_VALUES} fields and list elements.`;
    throw new TokenhubError('invalid_value', detail, { param: path || undefined });
  }
  const { opaque, rest } = split(value, options.opaque ?? []);
  // Copying a large prompt field by field would cost more than all other checks together.
  const instance = Object.assign(plainToInstance(dto, rest), opaque);
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  const steps = path === '' ? [] : path.split('.');
  const all = [...faults.flatMap((fault) => flatten(fault, steps)), ...passedOver(rest, instance, steps)];
  if (all.length > 0) throw toError(all);
  return instance;
}

interface Fault {
  /** The names of the fields that lead to it; a client's own may hold dots and slashes. */
  steps: string[];
  detail: string;
  code: ErrorCode;
}

function split(value: JsonObject, opaqueFields: readonly string[]): { opaque: JsonObject; rest: JsonObject } {
  const entries = Object.entries(value);
  return {
    opaque: Object.fromEntries(entries.filter(([field]) => opaqueFields.includes(field))),
    rest: Object.fromEntries(entries.filter(([field]) => !opaqueFields.includes(field))),
  };
}

/** Whether there are more fields and elements in it, at any depth beside the opaque fields; looks no further than it must. */
function holdsMore(most: number, root: JsonObject, opaque: readonly string[] = []): boolean {
  const open: object[] = [root];
  let count = 0;
  for (let next = open.pop(); next; next = open.pop()) {
    count += Array.isArray(next) ? next.length : Object.keys(next).length;
    if (count > most) return true;
    for (const [field, value] of Object.entries(next) as [string, unknown][]) {
      const isOpaque = next === root && opaque.includes(field);
      if (typeof value === 'object' && value !== null && !isOpaque) open.push(value);
    }
  }
  return false;
}

/** class-transformer leaves out `__proto__` and `constructor`; here they are fields that do not exist, like any other. */
function passedOver(plain: JsonObject, instance: object, parent: string[]): Fault[] {
  return Object.entries(plain).flatMap(([field, value]): Fault[] => {
    const steps = [...parent, shortened(field)];
    const detail = `${steps.join('.')} does not exist`;
    if (!Object.hasOwn(instance, field)) return [{ steps, detail, code: 'unknown_parameter' }];
    const child = (instance as JsonObject)[field];
    return isJsonObject(value) && isJsonObject(child) ? passedOver(value, child, steps) : [];
  });
}

function flatten(fault: ValidationError, parent: string[]): Fault[] {
  const steps = [...parent, shortened(fault.property)];
  const path = steps.join('.');
  const broken = Object.entries(fault.constraints ?? {});
  // A value of the wrong type also breaks the bounds of the right one.
  const [rule, message] = broken.find(([name]) => !VALUE_RULES.has(name)) ?? broken[0] ?? [];
  const own = rule !== undefined && {
    steps,
    code: codeOf(rule, fault.value),
    detail: rule === 'whitelistValidation' ? `${path} does not exist` : (message ?? '').replace(fault.property, path),
  };
  return [...(own ? [own] : []), ...(fault.children ?? []).flatMap((child) => flatten(child, steps))];
}

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

/** Rules that a value of the right type can break. */
const VALUE_RULES = new Set([
  'isIn',
  'min',
  'max',
  'arrayNotEmpty',
  'isLength',
  'maxLength',
  'arrayMaxSize',
  'arrayUnique',
  'matches',
  'isPositive',
  'isIso8601',
  'isMetadata',
]);

function codeOf(rule: string, value: unknown): ErrorCode {
  if (rule === 'whitelistValidation') return 'unknown_parameter';
  if (value === undefined) return 'missing_required_parameter';
  return VALUE_RULES.has(rule) ? 'invalid_value' : 'invalid_type';
}

function toError(faults: Fault[]): TokenhubError {
  const [first] = faults;
  if (!first) return new TokenhubError('invalid_request');
  const told = faults.slice(0, MOST_FAULTS);
  const more = faults.length > told.length ? [`and ${faults.length - told.length} more`] : [];
  return new TokenhubError(first.code, `${[...told.map(({ detail }) => detail), ...more].join('; ')}.`, {
    param: first.steps.join('.'),
    errors: told.map(({ detail, steps }) => ({ detail, pointer: pointerTo(steps) })),
  });
}

/** RFC 6901. */
function pointerTo(steps: string[]): string {
  return steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
