import { setTimeout as sleep } from 'node:timers/promises';
import type { Seen, SeenRequest } from '../../apps/simulator/src/counters.ts';
import { allEvents, ask, type Job, type ServerEvent } from '../e2e/doors.ts';
import type { Receipt } from './careful-client.ts';
import type { Read } from './read-poller.ts';
import type { Timeline } from './timeline.ts';

/** A webhook as it arrived. */
export interface Delivery {
  jobId: string;
  type: string;
  webhookId: string;
  /** Its signature holds. */
  signed: boolean;
}

/** A budget as the administrator sees it once nothing runs any more. */
export interface SeenBudget {
  rule: string;
  reserved_nano: number;
  spent_nano: number;
}

/** Everything that the judge looks at. */
export interface Evidence {
  receipts: Receipt[];
  /** By id, as it was read first after its end; and, once nothing runs any more, again. Absent or unfinished when it was lost. */
  firstRead: ReadonlyMap<string, Job>;
  lastRead: ReadonlyMap<string, Job>;
  /** Whole event streams, replayed at the end. */
  events: ReadonlyMap<string, ServerEvent[]>;
  /** What those saw who followed a streamed job live. */
  followed: ReadonlyMap<string, ServerEvent[]>;
  /** All jobs that Tokenhub lists. */
  listed: Job[];
  upstream: SeenRequest[];
  /** What the project's webhook endpoint received. */
  deliveries: Delivery[];
  /** The project's budgets, which nothing comes near. */
  budgets: SeenBudget[];
  reads: Read[];
  timeline: Timeline;
}

const AT_ONCE = 16;
const PAUSE_MS = 200;

/** Waits until every one of these jobs has ended, or until the time is over; what is still unfinished then is the judge's. */
export async function untilEnded(
  ids: readonly string[],
  { api, giveUpAt, ended }: { api: () => string; giveUpAt: number; ended: Map<string, Job> },
): Promise<void> {
  let open = ids.filter((id) => !ended.has(id));
  while (open.length > 0 && Date.now() < giveUpAt) {
    await inParallel(open, async (id) => {
      const { status, body } = await ask<Job>(`${api()}/v1/jobs/${id}`);
      if (status === 200 && body.finished_at !== null) ended.set(id, body);
    });
    open = open.filter((id) => !ended.has(id));
    if (open.length > 0) await sleep(PAUSE_MS);
  }
}

/** Reads all jobs and their whole event streams. What cannot be read is left out. */
export async function readAll(
  ids: readonly string[],
  api: () => string,
): Promise<Pick<Evidence, 'lastRead' | 'events' | 'listed'>> {
  const lastRead = new Map<string, Job>();
  const events = new Map<string, ServerEvent[]>();
  await inParallel(ids, async (id) => {
    const answer = await ask<Job>(`${api()}/v1/jobs/${id}`);
    if (answer.status !== 200) return;
    lastRead.set(id, answer.body);
    // The stream of a job that has not ended has no end.
    if (answer.body.finished_at !== null) events.set(id, await wholeStream(`${api()}/v1/jobs/${id}/events`));
  });
  return { lastRead, events, listed: await listAll(api) };
}

/** What the simulator was sent and what it served, once no request is in flight any more. */
export async function upstreamOf(simulatorUrl: string, giveUpAt: number): Promise<SeenRequest[]> {
  for (;;) {
    const seen = (await (await fetch(`${simulatorUrl}/_control/seen`)).json()) as Seen;
    if (seen.counters.in_flight === 0 || Date.now() >= giveUpAt) return seen.requests;
    await sleep(PAUSE_MS);
  }
}

/** How the budgets stand, once nothing runs any more. */
export async function readBudgets(api: string, adminToken: string): Promise<SeenBudget[]> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const { status, text, body } = await ask<{ data: SeenBudget[] }>(`${api}/admin/v1/budgets?limit=100`, { headers });
  if (status !== 200) throw new Error(`budgets: ${status} ${text}`);
  return body.data;
}

/** Also what comes after the end: a reader stops at the first terminal event, and would never see a second. */
async function wholeStream(url: string): Promise<ServerEvent[]> {
  const events = await allEvents(url);
  const beyond = await allEvents(url, { 'last-event-id': String(events.at(-1)?.id ?? 0) });
  return [...events, ...beyond];
}

async function listAll(api: () => string): Promise<Job[]> {
  const jobs: Job[] = [];
  for (;;) {
    const after = jobs.at(-1)?.id;
    const url = `${api()}/v1/jobs?limit=100${after === undefined ? '' : `&after=${after}`}`;
    const { status, text, body } = await ask<{ data: Job[]; has_more: boolean }>(url);
    if (status !== 200) throw new Error(`${url}: ${status} ${text}`);
    jobs.push(...body.data);
    if (!body.has_more) return jobs;
  }
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const one = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}
