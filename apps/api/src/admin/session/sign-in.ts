import type { AuditSink } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { sessionActor } from '../../auth/admin-actor.js';
import type { AdminSession, AdminSessions } from '../../auth/admin-sessions.js';
import type { AdminToken } from '../../auth/admin-token.js';
import type { SignInThrottle } from '../../auth/sign-in-throttle.js';

export interface SignInDeps {
  token: Pick<AdminToken, 'matches'>;
  sessions: Pick<AdminSessions, 'open' | 'find' | 'close'>;
  throttle: Pick<SignInThrottle, 'count' | 'forgive'>;
  audit: Pick<AuditSink, 'record'>;
}

/** Who signs in or out. */
export interface Visitor {
  /** The IP address that the request came from. */
  address: string;
  requestId: string;
  /** The session that the browser had already. */
  sessionId: string | null;
}

/** Opens a session of the admin page for who has the token, and ends it. */
export class SignIn {
  constructor(private readonly deps: SignInDeps) {}

  /** Throws 401 for a wrong token, which the log counts and the audit does not hold: anybody can be refused; and 429 after too many of them; a session that the browser had before ends. */
  async open(token: string, visitor: Visitor): Promise<{ id: string; session: AdminSession }> {
    const { sessions, throttle, audit } = this.deps;
    await throttle.count(visitor.address);
    if (!this.deps.token.matches(token)) {
      throw new TokenhubError('admin_token_required', 'This is not the admin token.');
    }
    await throttle.forgive(visitor.address);
    if (visitor.sessionId !== null) await sessions.close(visitor.sessionId);
    const { id, session } = await sessions.open();
    const target = sessionActor(session).id;
    await audit.record({ ...noted(visitor), actor: target, action: 'session.opened', target });
    return { id, session };
  }

  /** The session of the visitor, or null. */
  async current({ sessionId }: Visitor): Promise<AdminSession | null> {
    return sessionId === null ? null : this.deps.sessions.find(sessionId, { used: true });
  }

  /** Ends the session that the visitor has. */
  async close(visitor: Visitor): Promise<void> {
    const { sessions, audit } = this.deps;
    const session = await this.current(visitor);
    if (session === null || visitor.sessionId === null) return;
    const target = sessionActor(session).id;
    await audit.record({ ...noted(visitor), actor: target, action: 'session.closed', target });
    await sessions.close(visitor.sessionId);
  }
}

function noted({ address, requestId }: Visitor): { before: null; after: object; requestId: string } {
  return { before: null, after: { address }, requestId };
}
