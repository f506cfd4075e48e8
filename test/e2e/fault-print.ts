import process from 'node:process';
import type { Cell } from './fault-cells.js';
import type { Outcome, Seen } from './fault-outcomes.js';

const HEAD = ['fault', 'vendor', 'delivery', 'answered by', 'upstream', 'client saw', 'record', 'billed'];

/** Writes the table as it ran, without the providers' codes; places that came to the same share a line. */
export function printTable(observations: ReadonlyMap<Cell, Outcome | Error>): void {
  const lines = [...observations].map(([cell, outcome]) => lineOf(cell, outcome));
  const byVendor = joined(lines, 1);
  const rows = [HEAD, HEAD.map(() => '---'), ...joined(byVendor, 2)];
  process.stdout.write(rows.map((fields) => `| ${fields.join(' | ')} |\n`).join(''));
}

/** Lines that differ in one field alone become one, with all that the field said. */
function joined(lines: readonly string[][], field: number): string[][] {
  const groups = Map.groupBy(lines, (line) => JSON.stringify(line.toSpliced(field, 1)));
  return [...groups.values()].map((group) => (group[0] ?? []).with(field, group.map((line) => line[field]).join(', ')));
}

function lineOf({ row, vendor, delivery }: Cell, outcome: Outcome | Error): string[] {
  const place = [row.name, vendor, delivery];
  if (outcome instanceof Error) return [...place, '', '', outcome.message, '', ''];
  const { upstream, client, record, billed } = outcome;
  return [
    ...place,
    record.state === 'completed' ? record.named : 'nobody',
    `${upstream.primary.length} + ${upstream.backup.length}`,
    clientSaw(client),
    `${record.state}: ${counted(record.attempts.map((attempt) => attempt.replace(/ \(.*\)$/, '')))}`,
    counted(billed.slice(0, -1)),
  ];
}

/** Not said of each line. */
const USUAL: ReadonlySet<string> = new Set(['body', '[DONE]', 'job.completed', 'job.failed']);

function clientSaw({ status, error, text, finish, ending, events }: Seen): string {
  const resets = events.filter((type) => type === 'output.reset').length;
  const parts = [
    `${status}${error === null ? '' : ` ${error}`}`,
    text === 'none' ? null : text,
    finish,
    resets === 0 ? null : `${resets} × output.reset`,
    USUAL.has(ending) ? null : ending,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

/** `2 × this, that` for this, this and that. */
function counted(words: readonly string[]): string {
  const groups = Map.groupBy(words, (word) => word);
  return [...groups].map(([word, all]) => (all.length > 1 ? `${all.length} × ${word}` : word)).join(', ');
}
