import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import type { Router } from 'express';
import type { AttemptQueues } from './attempt-queues.js';

export interface BullBoard {
  /** To be mounted at the base path it was made for. */
  router: Router;
  /** Shows exactly these pools. */
  showPools(pools: readonly string[]): void;
}

/** A read-only view of the pools' queues: nothing can be retried, promoted, emptied or removed through it. */
export function createReadOnlyBoard(queues: AttemptQueues, basePath: string): BullBoard {
  const server = new ExpressAdapter().setBasePath(basePath);
  const board = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: { uiConfig: { boardTitle: 'Tokenhub' } },
  });
  return {
    router: server.getRouter() as Router,
    showPools: (pools) =>
      board.replaceQueues(
        pools.map((pool) => new BullMQAdapter(queues.queueOf(pool), { readOnlyMode: true, displayName: pool })),
      ),
  };
}
