import type { IncomingHttpHeaders } from 'node:http';

/** How long the server asks us to stay away, in milliseconds; undefined when it does not say, or says nothing readable. */
export function readRetryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  return (
    milliseconds(headers['retry-after-ms'], 1) ??
    milliseconds(headers['retry-after'], 1000) ??
    untilDate(headers['retry-after'])
  );
}

function milliseconds(value: string | string[] | undefined, unitMs: number): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const amount = Number(value);
  return Number.isFinite(amount) && amount >= 0 ? Math.ceil(amount * unitMs) : undefined;
}

function untilDate(value: string | undefined): number | undefined {
  // A number that was refused above, such as -1, must not be read as a year.
  if (value === undefined || !/[a-z]/i.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
