import type { Request, Response } from 'express';
import type { AuditEntry } from '#contracts/audit.js';
import { actorOf } from '../../auth/admin-actor.js';
import { requestIdOf } from '../../http/request-id.js';

/** Who asks, for the audit. */
export type Caller = Pick<AuditEntry, 'actor' | 'requestId'>;

/** The administrator who sent this request. */
export function callerOf(request: Request): Caller {
  return { actor: actorOf(request).id, requestId: requestIdOf(request.res as Response) };
}
