import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { AdminRequest } from './admin-actor.js';
import { AdminToken } from './admin-token.js';
import { checkAdmin } from './require-admin.js';

/** Lets only the administrator through, as `requireAdmin` does for what is no controller. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly token: AdminToken) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<AdminRequest>();
    checkAdmin(this.token, request.headers);
    request.admin = { via: 'token', id: 'token' };
    return true;
  }
}
