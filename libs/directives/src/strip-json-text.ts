import { hasMarker } from './marker.js';
import { stripDirectives } from './strip-directives.js';

/**
 * A JSON text without the directives of its strings, keys included. Only the strings that hold one are written anew: numbers,
 * spaces and doubled keys around them stay as they are. What is not JSON is taken as plain text.
 */
export function stripJsonText(text: string): string {
  if (!mayHold(text)) return text;
  if (!isJson(text)) return stripDirectives(text);
  const pieces: string[] = [];
  let copied = 0;
  for (let open = text.indexOf('"'); open >= 0;) {
    const end = endOfString(text, open);
    const literal = text.slice(open, end);
    if (mayHold(literal)) {
      const value = JSON.parse(literal) as string;
      const stripped = stripDirectives(value);
      if (stripped !== value) {
        pieces.push(text.slice(copied, open), JSON.stringify(stripped));
        copied = end;
      }
    }
    open = text.indexOf('"', end);
  }
  return copied === 0 ? text : pieces.join('') + text.slice(copied);
}

/** True when a string of the text may hold a marker: every character of one may be written as `\u00..`. */
export function mayHold(text: string): boolean {
  return hasMarker(text) || text.includes('\\u00');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The index after the closing quote; the text is valid JSON. */
function endOfString(text: string, open: number): number {
  const stops = /["\\]/g;
  stops.lastIndex = open + 1;
  for (let stop = stops.exec(text); stop !== null; stop = stops.exec(text)) {
    if (stop[0] === '"') return stops.lastIndex;
    stops.lastIndex++;
  }
  throw new RangeError('a string without an end cannot be in valid JSON');
}
