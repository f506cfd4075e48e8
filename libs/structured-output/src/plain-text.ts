import { closes, readMarker } from './code-fences.js';

/**
 * Markdown as readable plain text: headings, quotes, emphasis and fences lose their signs, a link becomes `words (address)`.
 * List markers, tables' rows and code stay as they are. Works line by line, so emphasis over several lines keeps its signs.
 */
export function toPlainText(markdown: string): string {
  const lines: string[] = [];
  let fence: NonNullable<ReturnType<typeof readMarker>> | null = null;
  for (const line of markdown.split('\n')) {
    const marker = readMarker(line);
    if (fence) {
      if (marker && closes(marker, fence)) fence = null;
      else lines.push(line);
    } else if (marker && !(marker.sign === '`' && marker.rest.includes('`'))) {
      fence = marker;
    } else {
      const plain = toPlainLine(line);
      if (plain !== null) lines.push(plain);
    }
  }
  return lines.join('\n').trim();
}

/** Null for a line that only draws: what underlines a heading, a rule, or the second row of a table. */
function toPlainLine(line: string): string | null {
  const unquoted = line.replace(/^(?: {0,3}> ?)+/, '');
  if (isDrawing(unquoted)) return null;
  const heading = /^ {0,3}#{1,6}(?:[ \t]+|$)/.exec(unquoted);
  return toPlainWords(heading ? withoutClosingSigns(unquoted.slice(heading[0].length)) : unquoted);
}

function isDrawing(line: string): boolean {
  const signs = line.replace(/[ \t\r]/g, '');
  return (
    /^(?:={3,}|-{3,}|\*{3,}|_{3,})$/.test(signs) ||
    (/^[|:-]+$/.test(signs) && signs.includes('|') && signs.includes('--'))
  );
}

function withoutClosingSigns(heading: string): string {
  const words = heading.trimEnd();
  let end = words.length;
  while (words[end - 1] === '#') end--;
  return end === 0 || /[ \t]/.test(words.charAt(end - 1)) ? words.slice(0, end).trimEnd() : words;
}

/** Marks the place of what must not be touched; no text has it, because it is taken out first. */
const HELD = '\0';

function toPlainWords(line: string): string {
  const held: string[] = [];
  const restore = (words: string): string => words.replace(PLACE, (_, index: string) => held[Number(index)] ?? '');
  // Restored first: an address may have code in it.
  const hold = (verbatim: string): string => `${HELD}${held.push(restore(verbatim)) - 1}${HELD}`;
  const words = holdCode(line.replaceAll(HELD, ''), hold)
    .replace(/\\([!-/:-@[-`{-~])/g, (_, sign: string) => hold(sign))
    .replace(/<((?:https?|mailto):[^<>\s]+)>/g, (_, address: string) => hold(address))
    .replace(LINK, (_, label: string, address: string) => {
      if (label.trim() === '' || label === address) return hold(address);
      return `${label} (${hold(address)})`;
    });
  return restore(withoutEmphasis(words));
}

const PLACE = /\0(\d+)\0/g;

/** `[words](address "title")`, also of images; one pair of brackets within the address, as in Wikipedia's. No part can match what the next does. */
const LINK = /!?\[([^[\]]*)\]\( ?<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)?)>?(?:\s+"[^"]*")?\s*\)/g;

/** A span of code ends at the next run of as many backticks. */
function holdCode(line: string, hold: (code: string) => string): string {
  const runs = [...line.matchAll(/`+/g)].map(({ 0: run, index }) => ({ start: index, end: index + run.length }));
  const later = new Map<number, number>();
  const partners = runs.map(() => -1);
  for (let n = runs.length - 1; n >= 0; n--) {
    const { start, end } = runs[n] ?? { start: 0, end: 0 };
    partners[n] = later.get(end - start) ?? -1;
    later.set(end - start, n);
  }
  let words = '';
  let position = 0;
  for (const [n, { start, end }] of runs.entries()) {
    const partner = runs[partners[n] ?? -1];
    if (start < position || !partner || isEscaped(line, start)) continue;
    words += line.slice(position, start) + hold(line.slice(end, partner.start));
    position = partner.end;
  }
  return words + line.slice(position);
}

function isEscaped(line: string, at: number): boolean {
  let slashes = 0;
  while (line[at - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}

interface Run {
  sign: string;
  start: number;
  /** How many of its signs are still unmatched. */
  left: number;
  opens: boolean;
  closes: boolean;
}

/** Takes out the runs of `*`, `_` and `~~` that have a partner, by CommonMark's rules for which may open and close. */
function withoutEmphasis(line: string): string {
  const gone = new Set<number>();
  const openers = new Map<string, Run[]>();
  for (const run of runsOf(line)) {
    const stack = openers.get(run.sign) ?? [];
    openers.set(run.sign, stack);
    while (run.closes && run.left > 0 && stack.length > 0) {
      const opener = stack[stack.length - 1];
      if (!opener) break;
      const matched = Math.min(opener.left, run.left);
      // An opener gives its innermost signs, a closer its first ones.
      for (let n = 0; n < matched; n++) gone.add(opener.start + opener.left - 1 - n).add(run.start + n);
      opener.left -= matched;
      run.start += matched;
      run.left -= matched;
      if (opener.left === 0) stack.pop();
      for (const [sign, others] of openers) if (sign !== run.sign) dropAfter(others, opener.start);
    }
    if (run.opens && run.left > 0) stack.push(run);
  }
  return gone.size === 0 ? line : [...splitUnits(line)].filter((_, at) => !gone.has(at)).join('');
}

/** What opened inside a pair that is now closed can have no partner any more. */
function dropAfter(stack: Run[], start: number): void {
  while ((stack[stack.length - 1]?.start ?? -1) > start) stack.pop();
}

function runsOf(line: string): Run[] {
  return [...line.matchAll(/\*+|_+|~~/g)].map(({ 0: run, index }) => {
    const before = line.charAt(index - 1);
    const after = line.charAt(index + run.length);
    const opens = after !== '' && !/\s/.test(after);
    const closes = before !== '' && !/\s/.test(before);
    // Inside words: snake_case, and 2*3*4, which is a product.
    const isInside = (run === '*' || run.startsWith('_')) && /\w/.test(before) && /\w/.test(after);
    return {
      sign: run.charAt(0),
      start: index,
      left: run.length,
      opens: opens && !isInside,
      closes: closes && !isInside,
    };
  });
}

/** By UTF-16 units, which is what the positions of runs are. */
function splitUnits(line: string): string[] {
  return line.split('');
}
