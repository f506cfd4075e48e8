import { hasMarker, MARKER } from './marker.js';
import { stripJsonText } from './strip-json-text.js';
import { textRuns, type TextPart } from './text-runs.js';

/** The name of fields whose string is a JSON text of its own. */
export const JSON_TEXT_FIELD = 'arguments';

/** True when any string of a JSON value holds a directive: a value, a key, adjacent text parts together, arguments. Any depth. */
export function holdsDirective(root: unknown): boolean {
  const containers: object[] = [];
  // Every request passes here: what holds nothing is not even put on the list.
  const isMarked = (value: unknown): boolean => {
    if (typeof value === 'string') return hasMarker(value);
    if (typeof value === 'object' && value !== null) containers.push(value);
    return false;
  };
  if (isMarked(root)) return true;
  for (let container = containers.pop(); container !== undefined; container = containers.pop()) {
    if (Array.isArray(container)) {
      if (container.some(isMarked) || textRuns(container).some(({ parts }) => spansParts(parts))) return true;
    } else {
      const fields = container as Record<string, unknown>;
      for (const key of Object.keys(fields)) {
        const value = fields[key];
        if (hasMarker(key) || isMarked(value)) return true;
        if (key === JSON_TEXT_FIELD && typeof value === 'string' && stripJsonText(value) !== value) return true;
      }
    }
  }
  return false;
}

/** A marker that goes on in the next part begins among the last characters of this one. */
function spansParts(parts: readonly TextPart[]): boolean {
  const mayBegin = parts.some(({ text }, i) => i < parts.length - 1 && text.slice(1 - MARKER.length).includes('@'));
  return mayBegin && hasMarker(parts.map(({ text }) => text).join(''));
}
