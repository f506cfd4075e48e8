import { hash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { sessionActor, type AdminActor } from './admin-actor.js';
import type { AdminSession, AdminSessions } from './admin-sessions.js';
import type { AdminToken } from './admin-token.js';
import type { BearerThrottle } from './bearer-throttle.js';
import { bearerOf } from './bearer.js';
import { isOwnOrigin } from './own-origin.js';
import { sessionIdOf } from './session-cookie.js';

/** Methods that change nothing: a page of another origin cannot read what they answer. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface AdminDoorDeps {
  token: Pick<AdminToken, 'matches'>;
  sessions: Pick<AdminSessions, 'find'>;
  throttle: Pick<BearerThrottle, 'assertOpen' | 'count'>;
}

/** The one place that decides who is the administrator: who has the token, or a session of the page that was opened with it. */
export class AdminDoor {
  constructor(private readonly deps: AdminDoorDeps) {}

  /**
   * Says who asks; throws unless it is the administrator. A token is taken from `Authorization: Bearer` alone, and decides where both
   * are sent. With `used` false a session goes on ageing: what a page asks by itself is no use of it.
   */
  async enter(request: Request, { used = true } = {}): Promise<AdminActor> {
    const presented = bearerOf(request.headers);
    if (presented !== null) return this.checkToken(presented, request.ip ?? '');
    const session = await this.sessionOf(request, { used });
    if (!SAFE_METHODS.has(request.method)) assertFromItsPage(request, session);
    return sessionActor(session);
  }

  private async checkToken(presented: string, address: string): Promise<AdminActor> {
    const { token, throttle } = this.deps;
    throttle.assertOpen(address);
    if (token.matches(presented)) return { via: 'token', id: 'token' };
    await throttle.count(address);
    throw new TokenhubError('admin_token_required', 'This is not the admin token.');
  }

  private async sessionOf(request: Request, { used }: { used: boolean }): Promise<AdminSession> {
    const id = sessionIdOf(request);
    if (id === null) {
      throw new TokenhubError('admin_token_required', 'Send the admin token as Bearer, or sign in at /admin/.');
    }
    const session = await this.deps.sessions.find(id, { used });
    if (session === null) throw new TokenhubError('session_ended', 'The session has ended: sign in again at /admin/.');
    return session;
  }
}

/** Throws unless a page of this origin, which has read the session's own CSRF token, sent the request. */
function assertFromItsPage({ headers, method }: Request, { csrfToken }: AdminSession): void {
  if (isOwnOrigin(headers) !== true) {
    throw new TokenhubError(
      'csrf_refused',
      `A ${method} with a session must come from a page of this server, and say so in Sec-Fetch-Site or Origin.`,
    );
  }
  const presented = headers['x-csrf-token'];
  if (typeof presented !== 'string' || !equal(presented, csrfToken)) {
    throw new TokenhubError('csrf_refused', 'x-csrf-token must be the csrf_token of the session.');
  }
}

/** In a time that says nothing about where they differ. */
function equal(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'));
}
