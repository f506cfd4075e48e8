import type { Provider } from '@nestjs/common';
import type { AuditSink } from '#contracts/audit.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { CONFIG, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { AdminDoor } from '../../auth/admin-door.js';
import { AdminSessions } from '../../auth/admin-sessions.js';
import { AdminToken } from '../../auth/admin-token.js';
import { BearerThrottle } from '../../auth/bearer-throttle.js';
import { SignInThrottle } from '../../auth/sign-in-throttle.js';
import { AUDIT } from '../audit/audit-parts.js';
import { SignIn } from './sign-in.js';

/** Who is the administrator: the token, and the sessions that are opened with it. */
export const SESSION_PARTS: Provider[] = [
  { provide: AdminToken, inject: [CONFIG], useFactory: (config: TokenhubConfig) => new AdminToken(config) },
  {
    provide: AdminSessions,
    inject: [REDIS, AdminToken],
    useFactory: (redis: RedisClient, token: AdminToken) => new AdminSessions({ redis, token }),
  },
  { provide: SignInThrottle, inject: [REDIS], useFactory: (redis: RedisClient) => new SignInThrottle(redis) },
  {
    provide: AdminDoor,
    inject: [AdminToken, AdminSessions, REDIS],
    useFactory: (token: AdminToken, sessions: AdminSessions, redis: RedisClient) =>
      new AdminDoor({ token, sessions, throttle: new BearerThrottle(redis) }),
  },
  {
    provide: SignIn,
    inject: [AdminToken, AdminSessions, SignInThrottle, AUDIT],
    useFactory: (token: AdminToken, sessions: AdminSessions, throttle: SignInThrottle, audit: AuditSink) =>
      new SignIn({ token, sessions, throttle, audit }),
  },
];
