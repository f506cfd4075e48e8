import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Response } from 'express';
import type { DoneBy } from '#audit/audit-log.js';
import { actorOf, type AdminRequest } from '../../auth/admin-actor.js';
import { requestIdOf } from '../../http/request-id.js';

/** A parameter of a route behind the AdminGuard: who asks, and in which request, as the audit names them (`DoneBy`). */
export const By = createParamDecorator((_: unknown, context: ExecutionContext): DoneBy => {
  const http = context.switchToHttp();
  return { actor: actorOf(http.getRequest<AdminRequest>()).id, requestId: requestIdOf(http.getResponse<Response>()) };
});
