import { registerDecorator, type ValidationOptions } from 'class-validator';
import { isJsonObject } from '#contracts/json.js';

const MOST_PAIRS = 16;
const LONGEST_KEY = 64;
const LONGEST_VALUE = 512;

/** At most 16 pairs of strings; keys up to 64 characters, values up to 512 (OpenAI's limits). */
export function IsMetadata(options?: ValidationOptions): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isMetadata',
      target: target.constructor,
      propertyName: String(property),
      ...(options && { options }),
      validator: {
        validate: isMetadata,
        defaultMessage: () =>
          `metadata must be an object of at most ${MOST_PAIRS} strings, keys up to ${LONGEST_KEY} and values up to ${LONGEST_VALUE} characters`,
      },
    });
  };
}

function isMetadata(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const pairs = Object.entries(value);
  return (
    pairs.length <= MOST_PAIRS &&
    pairs.every(([key, text]) => key.length <= LONGEST_KEY && typeof text === 'string' && text.length <= LONGEST_VALUE)
  );
}
