import type { JsonObject } from '#contracts/json.js';
import { holdsDirective, JSON_TEXT_FIELD } from './holds-directive.js';
import { stripAcross, stripDirectives } from './strip-directives.js';
import { stripJsonText } from './strip-json-text.js';
import { textRuns, type TextPart } from './text-runs.js';

/**
 * A body without the directives of all its strings, in known fields and unknown ones, keys included, at any depth. Adjacent
 * text parts are scanned as one text; one that is emptied is dropped when its list has others. The same object when there
 * was nothing to strip; the body itself is never changed.
 */
export function stripBody<Body extends JsonObject>(body: Body): Body {
  return holdsDirective(body) ? (copyWithout(body) as Body) : body;
}

/** A container and its copy, which is still to be filled. */
type Task = { from: unknown[]; to: unknown[] } | { from: JsonObject; to: JsonObject };

/** By a list of tasks instead of recursion: a client decides how deep its body is. */
function copyWithout(root: JsonObject): JsonObject {
  const result: JsonObject = {};
  const tasks: Task[] = [{ from: root, to: result }];
  for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
    if (Array.isArray(task.from)) {
      const to = task.to as unknown[];
      for (const item of withoutAcrossParts(task.from)) to.push(copyOf(item, tasks));
    } else {
      for (const [key, value] of Object.entries(task.from)) {
        const isJsonText = key === JSON_TEXT_FIELD && typeof value === 'string';
        // Assigning to `__proto__` would not make a field of it.
        Object.defineProperty(task.to, stripDirectives(key), {
          value: isJsonText ? stripJsonText(value) : copyOf(value, tasks),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
    }
  }
  return result;
}

function copyOf(value: unknown, tasks: Task[]): unknown {
  if (typeof value === 'string') return stripDirectives(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const to: unknown[] = [];
    tasks.push({ from: value, to });
    return to;
  }
  const to: JsonObject = {};
  tasks.push({ from: value as JsonObject, to });
  return to;
}

/** The list with its text parts stripped, and without those that were emptied by it, but for the last of all. */
function withoutAcrossParts(list: readonly unknown[]): readonly unknown[] {
  const stripped = [...list];
  const emptied = new Set<TextPart>();
  for (const { at, parts } of textRuns(list)) {
    const texts = stripAcross(parts.map(({ text }) => text));
    parts.forEach((part, i) => {
      const text = texts[i] ?? '';
      if (text === part.text) return;
      const left = { ...part, text };
      stripped[at + i] = left;
      if (text === '') emptied.add(left);
    });
  }
  const remaining = stripped.filter((item) => !emptied.has(item as TextPart));
  return remaining.length === 0 ? stripped.slice(0, 1) : remaining;
}
