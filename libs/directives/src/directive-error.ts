import { TokenhubError } from '#contracts/error-catalogue.js';

/** A directive that cannot be obeyed. The message may name a key, and never says what else the directive holds. */
export function invalidDirective(key: string | null, fault: string): TokenhubError {
  const param = key === null ? '@@tokenhub' : `@@tokenhub.${key}`;
  return new TokenhubError('invalid_value', `'${param}' ${fault}.`, { param });
}
