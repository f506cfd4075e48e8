import type { Verdict } from '#contracts/orchestration.js';
import { candidateOf } from './candidate-letters.js';
import { plainLine } from './plain-line.js';

/** A judge may add a word of farewell; a verdict further up is one that more reasons came after, or a quoted one. */
const LAST_LINES = 3;

const VERDICT_LINE = /^verdict\s*:\s*(.*)$/i;

/**
 * Reads the line with which a judge ends, or null when it cannot be read. The grammar, in any case, with emphasis,
 * backticks or a full stop about it:
 *
 *     VERDICT: <letter>
 *     VERDICT: TIE <letter>, <letter> [, <letter> …]      (a comma or "and")
 *
 * The last such line counts, if it is among the last three that are not empty. It must name candidates that exist, a tie
 * at least two. The reason is what stands before the line.
 */
export function readVerdict(text: string, candidateIds: readonly string[]): Verdict | null {
  const lines = text.split('\n');
  let seen = 0;
  for (let at = lines.length - 1; at >= 0 && seen < LAST_LINES; at--) {
    const line = plainLine(lines[at] ?? '');
    if (line === '') continue;
    seen++;
    const said = VERDICT_LINE.exec(line)?.[1];
    if (said === undefined) continue;
    return verdictOf(said.replace(/\.$/, ''), candidateIds, lines.slice(0, at).join('\n').trim());
  }
  return null;
}

function verdictOf(said: string, candidateIds: readonly string[], reason: string): Verdict | null {
  const tie = /^tie\s+(.+)$/i.exec(said)?.[1];
  const letters = tie === undefined ? [said] : tie.split(/\s*,\s*(?:and\s+)?|\s+and\s+/i);
  const named = [...new Set(letters.map((letter) => candidateOf(letter.trim(), candidateIds)))];
  if (named.includes(null) || (tie !== undefined && named.length < 2)) return null;
  return { kind: tie === undefined ? 'chosen' : 'tie', named: named as string[], reason };
}
