import type { Request } from 'express';

/** Who an administrator's request comes from: whoever holds the token, or one session of the page. */
export interface AdminActor {
  via: 'token' | 'session';
  /** As the audit names it: `token`, or `session:` and the beginning of the session's hash. */
  id: string;
}

export interface AdminRequest extends Request {
  admin?: AdminActor;
}

/** Whose request this is. Throws where no administrator's guard has let it through. */
export function actorOf(request: AdminRequest): AdminActor {
  if (request.admin === undefined) throw new Error(`${request.method} ${request.path} is not behind the admin guard`);
  return request.admin;
}

/** Who acts with this session. */
export function sessionActor({ hash }: { hash: string }): AdminActor {
  return { via: 'session', id: `session:${hash.slice(0, 8)}` };
}
