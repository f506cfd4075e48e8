/** Jobs as the benches post them and read them back, and the controls of the simulator that answers them. */
import type { Stack } from '#testing/stack.js';

/** Enough to keep the API busy while the jobs of a backlog are posted. */
const CONNECTIONS = 64;
const PAGE = 100;

/** Where jobs are posted to, and by whom; without a key where authentication is off. */
export interface Client {
  url: string;
  key?: string;
}

/** A job's times, in Unix milliseconds; null for what has not come yet. */
export interface TimedJob {
  id: string;
  state: string;
  createdAt: number;
  startedAt: number | null;
}

interface JobView {
  id: string;
  state: string;
  created_at: string;
  started_at: string | null;
}

/** Posts one asynchronous job, and waits for its end where told how long. Throws when it is not accepted. */
export async function postJob({ url, key }: Client, body: object, waitS: number | null = null): Promise<TimedJob> {
  const wait = waitS === null ? {} : { prefer: `wait=${waitS}` };
  const answer = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...wait, ...credential(key) },
    body: JSON.stringify(body),
  });
  return timed((await accepted(answer)) as JobView);
}

/** Posts so many jobs over 64 connections, the i-th with `bodyOf(i)`. */
export async function postJobs(client: Client, count: number, bodyOf: (i: number) => object): Promise<TimedJob[]> {
  const jobs: TimedJob[] = [];
  let next = 0;
  const connection = async (): Promise<void> => {
    while (next < count) jobs.push(await postJob(client, bodyOf(next++)));
  };
  await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count) }, connection));
  return jobs;
}

/** Every job of the client's project that is still known, newest first. */
export async function allJobs({ url, key }: Client): Promise<TimedJob[]> {
  const jobs: TimedJob[] = [];
  for (;;) {
    const last = jobs.at(-1);
    const after = last === undefined ? '' : `&after=${last.id}`;
    const answer = await fetch(`${url}/v1/jobs?limit=${PAGE}${after}`, { headers: credential(key) });
    const page = (await accepted(answer)) as { data: JobView[]; has_more: boolean };
    jobs.push(...page.data.map(timed));
    if (!page.has_more) return jobs;
  }
}

/** Cancels a job of which nobody wants the answer any more. */
export async function cancelJob({ url, key }: Client, id: string): Promise<void> {
  await accepted(await fetch(`${url}/v1/jobs/${id}/cancel`, { method: 'POST', headers: credential(key) }));
}

/** Requests of which the simulator has seen the beginning, the end, or so far only the beginning. */
export interface SimulatorCounters {
  requests: number;
  sent: number;
  in_flight: number;
  limits: { requests: number; tokens: number; refused: number };
}

export interface SeenRequest {
  /** Unix milliseconds. */
  at: number;
  body: unknown;
}

/** Changes settings of the simulator. */
export async function configureSimulator(stack: Stack, settings: object): Promise<void> {
  const body = JSON.stringify(settings);
  await accepted(await fetch(`${stack.simulatorUrl}/_control/settings`, { method: 'PUT', body }));
}

/** Makes the simulator forget what it has seen, and its settings. */
export async function resetSimulator(stack: Stack): Promise<void> {
  await accepted(await fetch(`${stack.simulatorUrl}/_control/reset`, { method: 'POST' }));
}

/** What the simulator has counted, and its last `limit` requests (it keeps 1,000). */
export async function seenBySimulator(
  stack: Stack,
  limit = 0,
): Promise<{ counters: SimulatorCounters; requests: SeenRequest[] }> {
  const answer = await fetch(`${stack.simulatorUrl}/_control/seen?limit=${limit}`);
  return (await accepted(answer)) as { counters: SimulatorCounters; requests: SeenRequest[] };
}

async function accepted(answer: Response): Promise<unknown> {
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as unknown;
}

function credential(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

function timed({ id, state, created_at, started_at }: JobView): TimedJob {
  return {
    id,
    state,
    createdAt: Date.parse(created_at),
    startedAt: started_at === null ? null : Date.parse(started_at),
  };
}
