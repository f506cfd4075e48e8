/** A line as it reads: without Markdown's emphasis and backticks, which models put around words that they were asked for. */
export function plainLine(line: string): string {
  return line.replace(/[*_`]/g, '').trim();
}
