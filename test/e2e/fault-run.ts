import type { SeenRequest } from '../../apps/simulator/src/counters.js';
import { allEvents, ask, ENDED, post, untilState, type Job, type Json } from './doors.js';
import { armingsOf, type Cell } from './fault-cells.js';
import type { Outcome, Seen } from './fault-outcomes.js';
import { billsOf, recordOf } from './fault-records.js';
import { PROMPT, seenInBody, seenInEvents, seenInStream } from './fault-sightings.js';
import type { SimulatorClient } from './openai-stack.js';

/** What the cells were seen to come to; an error in the place of what could not be seen. */
export type Observations = Map<Cell, Outcome | Error>;

/** A whole answer has sixteen words; with more tokens Anthropic's would count as too long for a short plain call. */
const MAX_TOKENS = 24;

/** Runs cells at once, each with its own candidates, and looks at them when nothing of them is under way any more. */
export async function runCells(
  cells: readonly Cell[],
  { url, simulator }: { url: string; simulator: SimulatorClient },
): Promise<Observations> {
  await simulator.reset();
  for (const arming of cells.flatMap(armingsOf)) await simulator.arm(arming);
  const seen = await Promise.allSettled(cells.map((cell) => requestOf(cell, url)));
  await simulator.until((tally) => tally.in_flight === 0, 'nothing to be upstream any more');
  const requests = await simulator.requests();
  const unspent = await simulator.armed();
  return new Map(
    cells.map((cell, i): [Cell, Outcome | Error] => {
      const result = seen[i];
      if (result?.status !== 'fulfilled') return [cell, result?.reason as Error];
      const { client, job } = result.value;
      const left = unspent.filter(({ match }) => Object.values(cell.models).includes(match?.model ?? ''));
      const upstream = {
        primary: [...wiresOf(requests, cell.models.primary), ...left.map(({ fault }) => `${fault.kind} left over`)],
        backup: wiresOf(requests, cell.models.backup),
      };
      return [cell, { upstream, client, record: recordOf(job), billed: billsOf(job) }];
    }),
  );
}

function wiresOf(requests: readonly SeenRequest[], model: string): string[] {
  return requests
    .filter((request) => request.model === model)
    .map(({ status, outcome }) => `${status ?? 'no status'} ${outcome}`);
}

async function requestOf(cell: Cell, url: string): Promise<{ client: Seen; job: Job }> {
  const { row, models, delivery } = cell;
  const policy = { ...row.policy, models: row.backup === null ? [models.primary] : [models.primary, models.backup] };
  const body = { model: 'auto', max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: PROMPT }], ...row.body };
  if (delivery === 'asynchronous') return readJob(url, { type: 'chat', request: { ...body, stream: true }, policy });
  const isStream = delivery === 'stream';
  const answer = await ask(`${url}/v1/chat/completions`, { body: { ...body, stream: isStream, tokenhub: { policy } } });
  const job = await untilState(url, answer.headers.get('x-tokenhub-job-id') ?? '', ENDED);
  const client = isStream && answer.status === 200 ? seenInStream(answer, job) : seenInBody(answer, job);
  return { client, job };
}

async function readJob(url: string, body: Json): Promise<{ client: Seen; job: Job }> {
  const { id, urls } = await post(url, body);
  const events = await allEvents(url + urls.events);
  const job = await untilState(url, id, ENDED);
  return { client: seenInEvents(events, { job, result: await ask(url + urls.result) }), job };
}
