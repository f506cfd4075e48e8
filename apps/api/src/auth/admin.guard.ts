import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { AdminToken } from './admin-token.js';
import { checkAdmin } from './require-admin.js';

/** Lets only the administrator through, as `requireAdmin` does for what is no controller. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly token: AdminToken) {}

  canActivate(context: ExecutionContext): boolean {
    checkAdmin(this.token, context.switchToHttp().getRequest<Request>().headers);
    return true;
  }
}
