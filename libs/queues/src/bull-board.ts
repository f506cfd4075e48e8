import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Router, type RequestHandler } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
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
    router: Router().use(onlyReads, server.getRouter() as Router),
    showPools: (pools) =>
      board.replaceQueues(
        pools.map((pool) => new BullMQAdapter(queues.queueOf(pool), { readOnlyMode: true, displayName: pool })),
      ),
  };
}

/** Bull Board answers some verbs on read-only queues with 200 and does nothing; here every one is refused. */
const onlyReads: RequestHandler = (request, _response, next) => {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  next(
    reads
      ? undefined
      : new TokenhubError('method_not_allowed', 'The board is read-only.', { headers: { allow: 'GET, HEAD' } }),
  );
};
