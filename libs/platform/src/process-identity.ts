import { randomBytes } from 'node:crypto';
import { keys } from './keys.js';
import type { RedisClient } from './redis.js';

export type ProcessRole = 'api' | 'worker';

/** How long after its last sign of life a process counts as gone. */
export const PRESENCE_TTL_MS = 10_000;
const BEAT_MS = 3_000;

/** What a process tells the others about itself. */
export interface ProcessReport {
  role: ProcessRole;
  startedAt: number;
  /** Workers: providers whose credential this process can read, and the pools that it serves. */
  credentials?: string[];
  pools?: string[];
  /** Workers: the version of the registry of which they tell. */
  registry?: number;
  /** Workers: by model id, the window that this process found the model's servers to have. */
  contextTokens?: Record<string, number>;
  /** Workers: providers whose credential lies in the vault, which is locked for this process. */
  lockedOut?: string[];
  /** The epoch of the vault whose data keys this process holds. */
  vaultEpoch?: number | null;
}

/** A new id for this run of a process: short, unique, safe in keys and channels. */
export function newProcessId(role: ProcessRole): string {
  return `${role}-${randomBytes(6).toString('hex')}`;
}

/** Keeps a process visible in Redis while it lives. A beat that fails is reported and tried again at the next. */
export class Presence {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisClient,
    readonly processId: string,
    private readonly report: () => ProcessReport,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Shows the process at once and every few seconds from then on. */
  async start(): Promise<void> {
    this.timer = setInterval(this.tell, BEAT_MS);
    await this.beat();
  }

  /** Tells the others at once what has changed; a failure is reported, and made good at the next beat. */
  readonly tell = (): void => {
    this.beat().catch(this.onError);
  };

  /** Takes the process out of sight, so that what it owned is released without waiting for the time to live. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.redis.pipeline().del(keys.presence(this.processId)).zrem(keys.processes(), this.processId).exec();
  }

  private async beat(): Promise<void> {
    const now = Date.now();
    await this.redis
      .pipeline()
      .set(keys.presence(this.processId), JSON.stringify(this.report()), 'PX', PRESENCE_TTL_MS)
      .zadd(keys.processes(), now, this.processId)
      .zremrangebyscore(keys.processes(), '-inf', now - 6 * PRESENCE_TTL_MS)
      .exec();
  }
}

/** A process that is alive. */
export interface SeenProcess extends ProcessReport {
  id: string;
}

/** The processes that are alive, with what they report; at most a few dozen. */
export async function readProcesses(redis: RedisClient): Promise<SeenProcess[]> {
  const ids = await redis.zrange(keys.processes(), 0, '-1');
  if (ids.length === 0) return [];
  const reports = await redis.mget(ids.map((id) => keys.presence(id)));
  return reports.flatMap((report, i) =>
    report === null ? [] : [{ ...(JSON.parse(report) as ProcessReport), id: ids[i] ?? '' }],
  );
}
