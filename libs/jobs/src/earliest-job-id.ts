/** No job of this moment (Unix milliseconds) or later has an id that sorts before this text, and none of an earlier one sorts after it. */
export function earliestJobId(ms: number): string {
  return `job_${Math.max(ms, 0).toString(16).padStart(12, '0')}`;
}
