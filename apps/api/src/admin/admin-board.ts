import type { NestExpressApplication } from '@nestjs/platform-express';
import { AttemptQueues } from '#queues/attempt-queues.js';
import { createReadOnlyBoard } from '#queues/bull-board.js';
import { LiveRegistry } from '#registry/live-registry.js';
import { AdminToken } from '../auth/admin-token.js';
import { requireAdmin } from '../auth/require-admin.js';

const BOARD_PATH = '/admin/queues';

/** Mounts the Bull Board, read-only and behind the admin token; it shows the pools of the registry of the moment. */
export function mountAdminBoard(app: NestExpressApplication): void {
  const board = createReadOnlyBoard(app.get(AttemptQueues), BOARD_PATH);
  app.get(LiveRegistry).onChange((registry) => board.showPools(registry.pools().map((pool) => pool.id)));
  app.use(BOARD_PATH, requireAdmin(app.get(AdminToken)), board.router);
}
