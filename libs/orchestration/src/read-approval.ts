import { plainLine } from './plain-line.js';

/** What a critic or reviewer said, and whether that was the last word. */
export interface Approval {
  approved: boolean;
  /** Without the line that approves. */
  critique: string;
}

/**
 * Reads the optional last line `APPROVED`. Only that word counts, in any case, with emphasis, backticks or a full stop
 * about it: a critic who says anything else on that line has said that something must change.
 */
export function readApproval(text: string): Approval {
  const trimmed = text.trimEnd();
  const start = trimmed.lastIndexOf('\n') + 1;
  if (!/^approved\.?$/i.test(plainLine(trimmed.slice(start)))) return { approved: false, critique: text };
  return { approved: true, critique: trimmed.slice(0, start).trimEnd() };
}
