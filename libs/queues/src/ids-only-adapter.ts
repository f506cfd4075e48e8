import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Job, Queue } from 'bullmq';
import { isJsonObject } from '#contracts/json.js';

export interface ShownQueue {
  queue: Queue;
  /** Its part of the menu. */
  group: string;
  title: string;
  description: string;
  /** Only while there is something in it. */
  hiddenWhenEmpty?: boolean;
}

/** Parts the group from the title; ids of pools may have it, and slashes, which proxies in front of us stumble over in a path. */
const DELIMITER = ':';
const LOOK_ALIKES: Record<string, string> = { ':': '∶', '/': '›' };

/** Texts of queue data and outcomes that are ids or words of ours; whatever else is in there has no business in a queue. */
const SHOWN_TEXTS = new Set(['jobId', 'callId', 'parent', 'deliveryId', 'outcome']);

/** A code of ours, as which errors travel through queues. */
const CODE = /^[a-z][a-z_]{2,60}$/;

/**
 * A queue as the board may show it: read-only, and of each of its jobs the ids, times, counts and the outcome. What went wrong
 * unforeseen is in the worker's log: its words may hold anything.
 */
export class IdsOnlyAdapter extends BullMQAdapter {
  private readonly boardName: string;

  constructor({ queue, group, title, description, hiddenWhenEmpty = false }: ShownQueue) {
    super(queue, { readOnlyMode: true, allowRetries: false, delimiter: DELIMITER, displayName: title, description });
    this.boardName = `${group}${DELIMITER}${title.replaceAll(/[:/]/g, (mark) => LOOK_ALIKES[mark] ?? '')}`;
    if (hiddenWhenEmpty) this.setVisibilityGuard(() => hasJobs(queue));
  }

  /** What the menu and the addresses of the board call it. */
  override getName(): string {
    return this.boardName;
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job && withIdsOnly(job);
  }

  override async getJobs(...args: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    return (await super.getJobs(...args)).map(withIdsOnly);
  }

  override getJobLogs(): Promise<string[]> {
    return Promise.resolve([]);
  }
}

async function hasJobs(queue: Queue): Promise<boolean> {
  return Object.values(await queue.getJobCounts()).some((count) => count > 0);
}

function withIdsOnly(job: Job): Job {
  const { failedReason } = job;
  job.data = idsOf(job.data) ?? {};
  job.returnvalue = idsOf(job.returnvalue);
  job.progress = 0;
  job.stacktrace = [];
  if (failedReason && !CODE.test(failedReason)) job.failedReason = 'unforeseen: see the log of the worker';
  return job;
}

function idsOf(value: unknown): object | null {
  if (!isJsonObject(value)) return null;
  const shown = Object.entries(value).filter(
    ([name, field]) => typeof field === 'number' || (typeof field === 'string' && SHOWN_TEXTS.has(name)),
  );
  return Object.fromEntries(shown);
}
