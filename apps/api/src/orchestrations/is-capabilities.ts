import { registerDecorator } from 'class-validator';
import { isJsonObject } from '#contracts/json.js';

const MOST_CAPABILITIES = 64;

/** A list of names, or a map from names to true or false. */
export function IsCapabilities(): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isCapabilities',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: isCapabilities,
        defaultMessage: () =>
          `capabilities must be a list of at most ${MOST_CAPABILITIES} names, or an object of as many booleans`,
      },
    });
  };
}

function isCapabilities(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.length <= MOST_CAPABILITIES && value.every((name) => typeof name === 'string');
  }
  if (!isJsonObject(value)) return false;
  const flags = Object.values(value);
  return flags.length <= MOST_CAPABILITIES && flags.every((flag) => typeof flag === 'boolean');
}
