/** What the benches measure with: load, processor time, percentiles, tables. */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';
import type { AppendFsync } from '#testing/redis-harness.js';

/** What the command line says about a run. */
export interface BenchOptions {
  /** Of each round of a part that runs for a time. */
  seconds: number;
  rounds: number;
  /** Times the counts of the parts that count jobs: less than 1 for a short run. */
  scale: number;
  appendfsync: AppendFsync;
}

/** A count at the scale of this run. */
export function scaled(count: number, scale: number): number {
  return Math.max(Math.round(count * scale), 1);
}

export interface LoadResult {
  requestsPerSecond: number;
  requests: number;
  failures: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Keeps `connections` POSTs in flight for `seconds` or until so many were answered; each connection sends the bodies one after the
 * other, again and again.
 */
export async function load(
  options: { url: string; bodies: string[]; connections: number; headers?: Record<string, string> } & (
    { seconds: number } | { amount: number }
  ),
): Promise<LoadResult> {
  const result = await autocannon({
    url: options.url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...options.headers },
    requests: options.bodies.map((body) => ({ body })),
    connections: options.connections,
    ...('seconds' in options ? { duration: options.seconds } : { amount: options.amount }),
    timeout: 30,
  });
  return {
    requestsPerSecond: result['2xx'] / result.duration,
    requests: result['2xx'],
    failures: result.non2xx + result.errors,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}

// The kernel's USER_HZ is 100 on every Linux that Node runs on.
const TICK_US = 10_000;

/** Microseconds of processor time that a process has used so far; NaN where there is no /proc. */
function processorTimeUs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return NaN;
  }
}

/** Begins to measure; what it returns then gives the microseconds of processor time for each of so many pieces of work, by process. */
export function processorMeter(pids: Record<string, number>): (pieces: number) => Record<string, number> {
  const before = Object.entries(pids).map(([name, pid]) => ({ name, pid, used: processorTimeUs(pid) }));
  return (pieces) =>
    Object.fromEntries(before.map(({ name, pid, used }) => [name, (processorTimeUs(pid) - used) / pieces]));
}

/** The value below which `share` (0 to 1) of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** A table in Markdown, columns as wide as they need to be. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
