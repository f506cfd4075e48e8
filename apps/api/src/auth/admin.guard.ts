import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { AdminRequest } from './admin-actor.js';
import { AdminDoor } from './admin-door.js';

/** Lets only the administrator through; `actorOf(request)` then says who it is. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly door: AdminDoor) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AdminRequest>();
    request.admin = await this.door.enter(request);
    return true;
  }
}
