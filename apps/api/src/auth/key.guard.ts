import { Inject, Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Principal, Scope } from '#contracts/scopes.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import { CONFIG } from '#platform/platform.module.js';
import { KeyRing, type KeyFault } from '#registry/key-ring.js';
import { bearerOf } from './bearer.js';

const SCOPE = 'tokenhub:scope';

/** The scope that a key needs for this route. */
export const RequireScope = (scope: Scope): MethodDecorator & ClassDecorator => SetMetadata(SCOPE, scope);

export interface AuthenticatedRequest extends Request {
  principal: Principal;
}

/** Lets a request through when its key is known and has the route's scope; `request.principal` then says who it is. */
@Injectable()
export class KeyGuard implements CanActivate {
  constructor(
    @Inject(CONFIG) private readonly config: TokenhubConfig,
    private readonly keys: KeyRing,
    private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request.principal = this.config.auth === 'off' ? this.keys.anonymous : this.authenticate(request);
    const scope = this.reflector.getAllAndOverride<Scope | undefined>(SCOPE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (scope === undefined) throw new Error(`${context.getClass().name} has a route without a scope`);
    if (!request.principal.scopes.includes(scope)) {
      throw new TokenhubError('scope_missing', `This API key lacks the scope "${scope}".`);
    }
    return true;
  }

  private authenticate(request: Request): Principal {
    const header = request.headers['x-api-key'];
    const presented = bearerOf(request.headers) ?? (typeof header === 'string' && header !== '' ? header : null);
    if (presented === null) {
      throw new TokenhubError('missing_api_key', 'Send your API key as "Authorization: Bearer th_…".');
    }
    const principal = this.keys.find(presented);
    if (principal === null) {
      throw new TokenhubError(
        'invalid_api_key',
        `The API key ${mask(presented)} ${WORDS[this.keys.faultOf(presented)]}.`,
      );
    }
    return principal;
  }
}

const WORDS: Record<KeyFault, string> = {
  unknown: 'is not known',
  mistyped: 'is mistyped: its last characters do not fit the others',
  disabled: 'is disabled',
  expired: 'has expired',
};

function mask(key: string): string {
  return key.length < 12 ? '…' : `${key.slice(0, 3)}…${key.slice(-4)}`;
}
