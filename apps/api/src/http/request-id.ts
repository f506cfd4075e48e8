import { randomBytes } from 'node:crypto';
import type { Response } from 'express';

// A prefix for this process and a count: unique without asking for randomness on every request. Nothing relies on its secrecy.
const PROCESS = randomBytes(8).toString('hex');
let count = 0;

/** Gives an answer its `x-request-id`. */
export function assignRequestId(response: Response): void {
  response.setHeader('x-request-id', `req_${PROCESS}${(++count).toString(36).padStart(8, '0')}`);
}

/** The id that this answer carries. */
export function requestIdOf(response: Response): string {
  const id = response.getHeader('x-request-id');
  return typeof id === 'string' ? id : '';
}
