import { invalidDirective } from './directive-error.js';
import { isDirectiveKey } from './directives.js';

export interface Pair {
  key: string;
  value: string;
}

/** Long enough for every key and for a slip of one; a longer name is not repeated to the client. */
const NAME = '[A-Za-z_]\\w{0,39}';

/**
 * What follows the marker on one line: pairs of `key=value`, each after a blank. A value is a bare word without blanks, a JSON
 * string in double quotes, or a JSON object. Throws `invalid_value`, naming the key where one is near.
 */
export function parseLine(content: string): Pair[] {
  const pairs: Pair[] = [];
  const name = new RegExp(`[ \\t]+(${NAME})[ \\t]*=[ \\t]*`, 'y');
  let at = 0;
  while (!/^[ \t]*$/.test(content.slice(at))) {
    name.lastIndex = at;
    const key = name.exec(content)?.[1];
    if (key === undefined) throw unreadable(content.slice(at));
    const end = endOfValue(content, name.lastIndex, key);
    pairs.push({ key, value: unquoted(content.slice(name.lastIndex, end), key) });
    at = end;
  }
  return pairs;
}

/**
 * What a block holds: one `key=value` a line, the value being the rest of its line, quoted or not. Empty lines mean nothing.
 * Throws as `parseLine` does.
 */
export function parseBlock(content: string): Pair[] {
  const pair = new RegExp(`^(${NAME})[ \\t]*=[ \\t]*(.*)$`);
  return content
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((line) => line !== '')
    .map((line) => {
      const [, key, value] = pair.exec(line) ?? [];
      if (key === undefined || value === undefined) throw unreadable(` ${line}`);
      return { key, value: unquoted(value, key) };
    });
}

function endOfValue(content: string, from: number, key: string): number {
  if (content[from] === '{') return endOfObject(content, from, key);
  const value = content[from] === '"' ? /"(?:[^"\\]|\\.)*"/y : /[^ \t]*/y;
  value.lastIndex = from;
  if (value.exec(content) === null) throw invalidDirective(key, 'has a quote that is not closed');
  return value.lastIndex;
}

/** Counts braces outside of strings; whether what lies between them is JSON is asked later. */
function endOfObject(content: string, from: number, key: string): number {
  const tokens = /"(?:[^"\\]|\\.)*"|[{}]/g;
  tokens.lastIndex = from;
  let depth = 0;
  for (let token = tokens.exec(content); token !== null; token = tokens.exec(content)) {
    if (token[0] === '{') depth++;
    if (token[0] === '}' && --depth === 0) return tokens.lastIndex;
  }
  throw invalidDirective(key, 'has a brace that is not closed');
}

function unquoted(value: string, key: string): string {
  if (!value.startsWith('"')) return value;
  try {
    return JSON.parse(value) as string;
  } catch {
    throw invalidDirective(key, 'is quoted in a way that JSON does not know');
  }
}

/** Only names that are keys are repeated: all else is the client's text. */
function unreadable(rest: string): Error {
  const word = new RegExp(`^[ \\t]+(${NAME})(?=[ \\t]|$)`).exec(rest)?.[1];
  if (word !== undefined && isDirectiveKey(word)) return invalidDirective(word, 'has no value');
  return invalidDirective(
    null,
    'could not be read: write key=value pairs, or one pair a line between @@tokenhub and @@end',
  );
}
