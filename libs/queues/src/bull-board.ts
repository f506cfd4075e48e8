import { createBullBoard } from '@bull-board/api';
import { Queue } from 'bullmq';
import { Router, type RequestHandler } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { GRAPH_QUEUE, KEY_PREFIX, WEBHOOK_QUEUE } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from './attempt-queues.js';
import { OwnPageAdapter } from './board-page.js';
import { IdsOnlyAdapter, type ShownQueue } from './ids-only-adapter.js';
import { RECONCILER } from './periodic.js';

export interface BullBoard {
  /** To be mounted at the base path it was made for. */
  router: Router;
  /** Shows these pools, and those that have left the registry while something is in them. */
  showPools(pools: { registered: readonly string[]; gone: readonly string[] }): void;
}

export interface BullBoardOptions {
  attempts: AttemptQueues;
  redis: RedisClient;
  basePath: string;
  /** Where its menu leads back to. */
  homePath: string;
  onError: (error: unknown) => void;
}

type BoardOptions = NonNullable<Parameters<typeof createBullBoard>[0]['options']>;
type UiConfig = NonNullable<BoardOptions['uiConfig']>;
type AfterHook = NonNullable<NonNullable<BoardOptions['handlerHooks']>['after']>;

/** What there is beside the pools; a new kind of queue gets a row here. */
const SYSTEM_QUEUES: (Omit<ShownQueue, 'queue'> & { name: string })[] = [
  {
    name: GRAPH_QUEUE,
    group: 'Orchestrations',
    title: 'graphs',
    description: 'One job for each orchestration: it sleeps while its calls are in the pools.',
  },
  {
    name: WEBHOOK_QUEUE,
    group: 'Webhooks',
    title: 'deliveries',
    description: 'One job for each event on its way to a receiver.',
  },
  {
    name: RECONCILER,
    group: 'Housekeeping',
    title: 'reconciler',
    description:
      'Every two seconds: finds jobs that nobody works on, expires what is late, moves what waits for a closed pool.',
  },
];

/** A read-only view of every queue: nothing can be retried, promoted, emptied or removed through it, and it shows ids and outcomes only. */
export function createReadOnlyBoard(options: BullBoardOptions): BullBoard {
  const { attempts, basePath } = options;
  const server = new OwnPageAdapter().setBasePath(basePath);
  const board = createBullBoard({
    queues: [],
    serverAdapter: server,
    options: {
      uiConfig: uiConfig(options.homePath),
      handlerHooks: { after: withoutReasons },
    },
  });
  const system = SYSTEM_QUEUES.map((shown) => new IdsOnlyAdapter({ ...shown, queue: openQueue(shown.name, options) }));
  const pool = (id: string, rest: Omit<ShownQueue, 'queue' | 'title'>): IdsOnlyAdapter =>
    new IdsOnlyAdapter({ queue: attempts.queueOf(id), title: id, ...rest });
  return {
    router: Router().use(onlyReads, server.getRouter() as Router),
    showPools: ({ registered, gone }) =>
      board.replaceQueues([
        ...registered.map((id) => pool(id, POOL)),
        ...system,
        ...gone.map((id) => pool(id, GONE_POOL)),
      ]),
  };
}

/** The tree of a flow has the words with which children failed, and how far each says it is: its jobs are shown without them. */
const withoutReasons: AfterHook = (_context, result) => {
  const { flowRoot } = (typeof result.body === 'object' ? result.body : {}) as { flowRoot?: FlowNode | null };
  if (flowRoot) forgetReasons(flowRoot);
  return result;
};

interface FlowNode {
  children?: FlowNode[];
  ignoredChildFailureReasons?: unknown;
  progress?: unknown;
}

function forgetReasons(node: FlowNode): void {
  delete node.ignoredChildFailureReasons;
  node.progress = 0;
  for (const child of node.children ?? []) forgetReasons(child);
}

const POOL = { group: 'Pools', description: 'Attempts of calls to this provider, or to this model of it.' };
const GONE_POOL = {
  group: 'Pools without a provider',
  description: 'Its provider has left the registry: what waits here is moved or ends.',
  hiddenWhenEmpty: true,
};

function uiConfig(homePath: string): UiConfig {
  return {
    boardTitle: 'Tokenhub',
    hideDocsLink: true,
    miscLinks: [{ text: 'Administration', url: homePath }],
    overview: { groupByDelimiter: true },
    theme: { light: FONTS, dark: FONTS },
  };
}

const FONTS = { 'font-sans': 'system-ui, sans-serif', 'font-mono': 'ui-monospace, monospace' };

/** Only reads, on the caller's connection: there is nothing to close. */
function openQueue(name: string, { redis, onError }: BullBoardOptions): Queue {
  const queue = new Queue(name, {
    connection: redis,
    prefix: KEY_PREFIX,
    skipVersionCheck: true,
    skipWaitingForReady: true,
    skipMetasUpdate: true,
  });
  queue.on('error', onError);
  return queue;
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
