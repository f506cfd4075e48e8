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

/**
 * Checks one of Tokenhub's own envelopes against its class. Throws one error that lists every fault with its JSON pointer;
 * fields that the class does not have are faults.
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
  const { opaque, rest } = split(value, options.opaque ?? []);
  // Copying a large prompt field by field would cost more than all other checks together.
  const instance = Object.assign(plainToInstance(dto, rest), opaque);
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (faults.length > 0) throw toError(faults.flatMap((fault) => flatten(fault, path)));
  return instance;
}

interface Fault {
  path: string;
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

function flatten(fault: ValidationError, parent: string): Fault[] {
  const path = parent === '' ? fault.property : `${parent}.${fault.property}`;
  const own = Object.entries(fault.constraints ?? {}).map(([rule, message]) => ({
    path,
    code: codeOf(rule, fault.value),
    detail: rule === 'whitelistValidation' ? `${path} does not exist` : message.replace(fault.property, path),
  }));
  return [...own.slice(0, 1), ...(fault.children ?? []).flatMap((child) => flatten(child, path))];
}

function codeOf(rule: string, value: unknown): ErrorCode {
  if (rule === 'whitelistValidation') return 'unknown_parameter';
  if (value === undefined) return 'missing_required_parameter';
  if (rule === 'isIn' || rule === 'min' || rule === 'max') return 'invalid_value';
  return 'invalid_type';
}

function toError(faults: Fault[]): TokenhubError {
  const [first] = faults;
  if (!first) return new TokenhubError('invalid_request');
  return new TokenhubError(first.code, `${faults.map((fault) => fault.detail).join('; ')}.`, {
    param: first.path,
    errors: faults.map((fault) => ({ detail: fault.detail, pointer: `/${fault.path.replaceAll('.', '/')}` })),
  });
}
