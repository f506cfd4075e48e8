import { TokenhubError } from '#contracts/error-catalogue.js';
import { ID_PATTERN, ID_RULE } from '#contracts/own-ids.js';

/** The id of a path under which something may be made; throws `invalid_value` for one that no id can be. */
export function requireId(id: string): string {
  if (ID_PATTERN.test(id)) return id;
  throw new TokenhubError('invalid_value', `${ID_RULE.replace('$property', 'id')}.`, { param: 'id' });
}
