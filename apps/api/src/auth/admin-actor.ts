import type { Request } from 'express';

/** Who of the administrators it is. */
export interface AdminActor {
  via: 'token' | 'session';
  id: string;
}

/** Who sent this request, which the admin guard has let through. */
export function actorOf(request: Request & { admin?: { actor?: string } }): AdminActor {
  const session = /^session:(.+)$/.exec(request.admin?.actor ?? '')?.[1];
  return session === undefined ? { via: 'token', id: 'token' } : { via: 'session', id: session };
}
