import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Logger } from '#platform/logging.js';
import { LOGGER, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { createReadOnlyBoard } from '#queues/bull-board.js';
import { KnownPools } from '#queues/known-pools.js';
import { LiveRegistry } from '#registry/live-registry.js';
import type { AdminRequest } from '../auth/admin-actor.js';
import { AdminDoor } from '../auth/admin-door.js';
import { PAGE_PATH } from './page/admin-page.js';

const BOARD_PATH = '/admin/queues';

/** Mounts the Bull Board, read-only and for the administrator; it shows every queue, and the pools of the registry of the moment. */
export function mountAdminBoard(app: NestExpressApplication): void {
  const logger = app.get<Logger>(LOGGER);
  const redis = app.get<RedisClient>(REDIS);
  const onError = (error: unknown): void => logger.debug({ err: error }, 'board');
  const board = createReadOnlyBoard({
    ...{ attempts: app.get(AttemptQueues), redis, onError },
    ...{ basePath: BOARD_PATH, homePath: PAGE_PATH },
  });
  const known = new KnownPools(redis);
  const live = app.get(LiveRegistry);
  live.onChange((registry) => {
    const registered = registry.pools().map((pool) => pool.id);
    board.showPools({ registered, gone: [] });
    known.goneBut(registered).then((gone) => {
      if (live.current === registry) board.showPools({ registered, gone });
    }, onError);
  });
  app.use(BOARD_PATH, admitTo(app.get(AdminDoor)), board.router);
}

/** Lets the administrator in; a browser that has no session is shown where to sign in. */
function admitTo(door: AdminDoor) {
  return (request: AdminRequest, response: Response, next: NextFunction): void => {
    door.enter(request, { used: !request.path.startsWith('/api/') }).then(
      (actor) => {
        request.admin = actor;
        next();
      },
      (error: unknown) => {
        const stranger = error instanceof TokenhubError && error.status === 401;
        if (stranger && isNavigation(request)) response.redirect(303, PAGE_PATH);
        else next(error);
      },
    );
  };
}

/** A person opens a page; the board's own requests want JSON. */
function isNavigation({ method, headers }: AdminRequest): boolean {
  return method === 'GET' && headers.authorization === undefined && /\btext\/html\b/.test(headers.accept ?? '');
}
