import { ConfigError } from './config-error.js';
import { readVariable, type Environment } from './environment.js';

/** A variable that is a whole number; undefined when it is not set. Throws a ConfigError that names it. */
export function readInteger(
  env: Environment,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  const value = readVariable(env, name);
  if (value === undefined) return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (!(number >= min && number <= max)) throw new ConfigError(name, `must be a whole number from ${min} to ${max}`);
  return number;
}
