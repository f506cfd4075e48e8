import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { invalidDirective } from './directive-error.js';
import { expectedValue, isDirectiveKey, isScoreMode, readValue, type Directives } from './directives.js';
import { hasMarker, MARKER } from './marker.js';
import { parseBlock, parseLine, type Pair } from './parse-pairs.js';
import { scanDirectives, type Cut } from './scan-directives.js';
import { textRuns } from './text-runs.js';

/** How far into a message's text directives are obeyed, in characters (UTF-16 code units, as `length` counts them). */
export const OBEYED_CHARACTERS = 2_048;

/**
 * What the directives in the obeyed places of a validated body ask for: the first system or developer message and the last
 * user message, or a completion's first prompt. Throws `invalid_value` with `@@tokenhub.<key>` as param for what cannot be
 * obeyed, and never repeats a directive's text.
 */
export function readDirectives(kind: CallKind, body: JsonObject): Directives {
  const found = new Map<string, unknown>();
  for (const place of obeyedPlaces(kind, body)) {
    for (const { key, value } of pairsOf(place)) take(found, key, value);
  }
  const directives: Directives = Object.fromEntries(found);
  if (kind !== 'chat') requireOneCall(directives);
  return directives;
}

/** Only chats become orchestrations, or have an output that is checked. */
function requireOneCall({ mode, output_schema: schema, output_format: format }: Directives): void {
  if (mode !== undefined && !isScoreMode(mode)) throw invalidDirective('mode', `can be ${mode} in chats only`);
  if (schema !== undefined) throw invalidDirective('output_schema', 'can stand in chats only');
  if (format !== undefined) throw invalidDirective('output_format', 'can stand in chats only');
}

/** Each place as the texts that are scanned as one. */
function obeyedPlaces(kind: CallKind, body: JsonObject): string[][] {
  switch (kind) {
    case 'chat':
      return obeyedMessages(body.messages).map(({ content }) => textsOf(content));
    case 'completion': {
      const { prompt } = body;
      const first: unknown = Array.isArray(prompt) ? prompt.find((one) => typeof one === 'string') : prompt;
      return typeof first === 'string' ? [[first]] : [];
    }
    case 'embedding':
      return [];
  }
}

function obeyedMessages(messages: unknown): JsonObject[] {
  if (!Array.isArray(messages)) return [];
  const all = messages.filter(isJsonObject);
  const first = all.find(({ role }) => role === 'system' || role === 'developer');
  const last = all.findLast(({ role }) => role === 'user');
  return [first, last].filter((message) => message !== undefined);
}

function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return textRuns(content).map(({ parts }) => parts.map(({ text }) => text).join(''));
}

function pairsOf(texts: string[]): Pair[] {
  const pairs: Pair[] = [];
  let before = 0;
  for (const text of texts) {
    const room = OBEYED_CHARACTERS - before;
    if (room <= 0) break;
    // A marker that begins on the last obeyed character is one that begins in time.
    if (hasMarker(text.slice(0, room + MARKER.length - 1))) {
      for (const cut of scanDirectives(text).cuts) {
        if (cut.from < room) pairs.push(...pairsIn(text, cut, room));
      }
    }
    before += text.length;
  }
  return pairs;
}

function pairsIn(text: string, cut: Cut, room: number): Pair[] {
  if (cut.assembled) throw invalidDirective(null, 'is made of pieces around another directive');
  if (cut.form === 'unclosed') throw invalidDirective(null, 'opens a block that no @@end closes');
  if (cut.to > room) throw invalidDirective(null, `is too long: it must end within ${OBEYED_CHARACTERS} characters`);
  const content = text.slice(cut.content.from, cut.content.to);
  return cut.form === 'block' ? parseBlock(content) : parseLine(content);
}

function take(found: Map<string, unknown>, key: string, text: string): void {
  if (!isDirectiveKey(key)) throw invalidDirective(key, 'does not exist');
  const value = readValue(key, text);
  if (value === undefined) throw invalidDirective(key, `must be ${expectedValue(key)}`);
  if (found.has(key) && JSON.stringify(found.get(key)) !== JSON.stringify(value)) {
    throw invalidDirective(key, 'has two different values');
  }
  found.set(key, value);
}
