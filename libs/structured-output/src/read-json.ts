import { endOfFence, nextFence } from './code-fences.js';
import { parseStrictly, type StrictJson } from './strict-json.js';

/** What models write behind the backticks of a JSON block. */
const JSON_LANGUAGES: ReadonlySet<string> = new Set(['json', 'jsonc', 'json5']);

/**
 * Finds the JSON in a model's text: the whole text, else the first block fenced as JSON (or as nothing, when an object or array
 * is in it), else the first object or array in the prose. The text of it is left as the model wrote it. Where something was
 * meant to be JSON and is not, that is the answer's fault, and no smaller piece that happens to be valid is taken for it. Takes
 * linear time.
 */
export function readJson(text: string): StrictJson {
  const trimmed = text.replace(/^\uFEFF/, '').trim();
  if (trimmed === '') return { kind: 'fault', error: 'The answer is empty, and JSON was asked for.' };
  const whole = parseStrictly(trimmed);
  if (whole.kind === 'json') return whole;
  // A fence inside what begins like JSON belongs to one of its strings.
  const fenced = BEGINS_LIKE_JSON.test(trimmed) ? null : readFenced(trimmed);
  return fenced ?? readFromProse(trimmed) ?? noneIn(trimmed, whole);
}

function readFenced(text: string): StrictJson | null {
  let fence = nextFence(text, 0);
  while (fence) {
    const { contentEnd, end } = endOfFence(text, fence);
    const content = text.slice(fence.contentStart, contentEnd).trim();
    if (JSON_LANGUAGES.has(fence.language)) return parseStrictly(content);
    const unnamed = fence.language === '' && BEGINS_LIKE_JSON.test(content) ? parseStrictly(content) : null;
    if (unnamed?.kind === 'json') return unnamed;
    fence = nextFence(text, end);
  }
  return null;
}

function readFromProse(text: string): StrictJson | null {
  const brackets = /[{[]/g;
  for (let bracket = brackets.exec(text); bracket; bracket = brackets.exec(text)) {
    const end = endOfBlock(text, bracket.index);
    const block = text.slice(bracket.index, end ?? text.length);
    if (BEGINS_LIKE_JSON.test(block)) return parseStrictly(block);
    if (end === null) return { kind: 'fault', error: 'The answer has a bracket in it that is never closed.' };
    brackets.lastIndex = end;
  }
  return null;
}

/** Prose has brackets too: `{name}`, `[the answer]`, `[ ]` before a task. */
const BEGINS_LIKE_JSON = /^(?:\{\s*["}]|\[\]|\[\s*(?:[[{"\d-]|true\b|false\b|null\b))/;

/** Past the bracket that closes the one at `start`. JSON has no newline inside a string, so one ends what a stray quote began. */
function endOfBlock(text: string, start: number): number | null {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const sign = text[at];
    if (isInString) {
      if (sign === '\\') at++;
      else if (sign === '"' || sign === '\n') isInString = false;
    } else if (sign === '"') {
      isInString = true;
    } else if (sign === '{' || sign === '[') {
      depth++;
    } else if (sign === '}' || sign === ']') {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

function noneIn(text: string, whole: StrictJson): StrictJson {
  return /[{}[\]"]/.test(text.charAt(0))
    ? whole
    : { kind: 'fault', error: 'There is no JSON object or array in the answer.' };
}
