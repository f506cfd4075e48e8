import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';

/** Gives every answer an `x-request-id`. */
export function assignRequestId(_request: Request, response: Response, next: NextFunction): void {
  response.setHeader('x-request-id', `req_${randomUUID().replaceAll('-', '')}`);
  next();
}

/** The id that this answer carries. */
export function requestIdOf(response: Response): string {
  const id = response.getHeader('x-request-id');
  return typeof id === 'string' ? id : '';
}
