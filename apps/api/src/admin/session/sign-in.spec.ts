import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { AdminSession } from '../../auth/admin-sessions.js';
import { AdminToken } from '../../auth/admin-token.js';
import { SignIn, type SignInDeps, type Visitor } from './sign-in.js';

const TOKEN = 'an-administrators-token';
const VISITOR: Visitor = { address: '192.0.2.1', requestId: 'req_1', sessionId: null };

/** What was done, in order. */
let done: string[];
let noted: AuditEntry[];
beforeEach(() => {
  done = [];
  noted = [];
});

const session = (hash: string): AdminSession => ({ hash, csrfToken: 'csrf', openedAtMs: 0, endsAtMs: Infinity });

function signIn(more: Partial<SignInDeps> = {}): SignIn {
  const does = (what: string): Promise<void> => {
    done.push(what);
    return Promise.resolve();
  };
  return new SignIn({
    token: new AdminToken({ adminToken: TOKEN, stateDir: '' }),
    throttle: { count: (address) => does(`count ${address}`), forgive: (address) => does(`forgive ${address}`) },
    sessions: {
      open: async () => {
        await does('open');
        return { id: 'new', session: session('0123456789abcdef') };
      },
      find: (id) => Promise.resolve(id === 'old' ? session('fedcba9876543210') : null),
      close: (id) => does(`close ${id}`),
    },
    audit: {
      record: (entry) => {
        noted.push(entry);
        return does(entry.action);
      },
    },
    ...more,
  });
}

describe('signing in', () => {
  it('is counted before the token is looked at, and noted before anybody has the session', async () => {
    const { id } = await signIn().open(TOKEN, { ...VISITOR, sessionId: 'old' });
    expect(id).toBe('new');
    expect(done).toStrictEqual(['count 192.0.2.1', 'forgive 192.0.2.1', 'close old', 'open', 'session.opened']);
    expect(noted).toStrictEqual([
      {
        ...{ actor: 'session:01234567', action: 'session.opened', target: 'session:01234567', requestId: 'req_1' },
        ...{ before: null, after: { address: '192.0.2.1' } },
      },
    ]);
  });

  it('with a wrong token is counted, and notes nothing: strangers cannot fill the audit', async () => {
    await expect(signIn().open('a-wrong-token', VISITOR)).rejects.toMatchObject({ code: 'admin_token_required' });
    expect(done).toStrictEqual(['count 192.0.2.1']);
    expect(noted).toStrictEqual([]);
  });

  it('that is shut out looks at no token and notes nothing', async () => {
    const shut = new TokenhubError('rate_limit_exceeded');
    const throttle = { count: () => Promise.reject(shut), forgive: () => Promise.reject(shut) };
    await expect(signIn({ throttle }).open(TOKEN, VISITOR)).rejects.toBe(shut);
    expect(done).toStrictEqual([]);
  });

  it('that cannot be noted gives nobody a session', async () => {
    const away = new TokenhubError('store_unavailable');
    const audit = { record: () => Promise.reject(away) };
    await expect(signIn({ audit }).open(TOKEN, VISITOR)).rejects.toBe(away);
  });
});

describe('signing out', () => {
  it('is noted, and ends the session', async () => {
    await signIn().close({ ...VISITOR, sessionId: 'old' });
    expect(done).toStrictEqual(['session.closed', 'close old']);
    expect(noted).toMatchObject([{ actor: 'session:fedcba98', target: 'session:fedcba98' }]);
  });

  it('without a session is nothing', async () => {
    await signIn().close({ ...VISITOR, sessionId: 'none' });
    await signIn().close(VISITOR);
    expect(done).toStrictEqual([]);
  });
});
