import { isJsonObject, type JsonObject } from '#contracts/json.js';

/** What one field becomes when a further value for it arrives; `before` is undefined at first, and may be changed in place. */
export type MergeRule = (before: unknown, value: unknown) => unknown;

/**
 * Takes the source's fields into the target by their rules; a field without a rule takes the last value. Null only
 * fills what is still absent. The source is never changed, nor is anything of it that a rule might later change.
 */
export function mergeFields(target: JsonObject, source: JsonObject, rules: ReadonlyMap<string, MergeRule>): JsonObject {
  for (const [key, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (value === null) target[key] ??= null;
    else target[key] = (rules.get(key) ?? lastWins)(target[key], value);
  }
  return target;
}

/** The first value that says anything stays: vendors repeat ids and names, or leave them empty later on. */
export const keepFirst: MergeRule = (before, value) =>
  before === undefined || before === null || before === '' ? value : before;

/** Texts are concatenated; so are lists, because some vendors stream content as a list of parts. */
export const concatenate: MergeRule = (before, value) => {
  if (typeof value === 'string' && typeof before === 'string') return before + value;
  return Array.isArray(value) ? append(before, value) : value;
};

/** Lists are joined in order. */
export const append: MergeRule = (before, value) => {
  if (!Array.isArray(value)) return value;
  const list: unknown[] = Array.isArray(before) ? before : [];
  for (const item of value) list.push(item);
  return list;
};

/** An object whose fields have rules of their own. */
export function nested(rules: ReadonlyMap<string, MergeRule>): MergeRule {
  return (before, value) =>
    isJsonObject(value) ? mergeFields(isJsonObject(before) ? before : {}, value, rules) : value;
}

const lastWins: MergeRule = (_before, value) => value;
