import { isTerminalEvent, type JobEventType } from '#contracts/job-event.js';
import { answerOf, contentOf, type Job, type Json, type ServerEvent } from '../e2e/doors.ts';
import type { Receipt } from './careful-client.ts';
import type { Evidence } from './evidence.ts';

export interface EndsVerdict {
  posted: number;
  accepted: number;
  /** Requests that were sent more than once by their client. */
  askedAgain: number;
  completed: number;
  /** Synchronous streams that broke after their first content: what was sent cannot be taken back. */
  interrupted: number;
  /** Graphs that their clients cancelled. */
  cancelled: number;
  /** Ended in any other way. */
  otherwise: number;
  /** Accepted, and without an end. */
  lost: number;
  /** A second end in the events, another record at a second look, or a second job for one request. */
  twice: number;
  broken: string[];
}

/** Looks at how each request ended: accepted once, ended once, and with one story wherever it is told. */
export function judgeEnds(evidence: Evidence): EndsVerdict {
  const verdict: EndsVerdict = {
    posted: evidence.receipts.length,
    accepted: 0,
    askedAgain: evidence.receipts.filter(({ tries }) => tries > 1).length,
    completed: 0,
    interrupted: 0,
    cancelled: 0,
    otherwise: 0,
    lost: 0,
    twice: 0,
    broken: [],
  };
  for (const receipt of evidence.receipts) judgeReceipt(receipt, evidence, verdict);
  for (const [marker, ids] of jobsByMarker(evidence)) {
    if (ids.size < 2) continue;
    verdict.twice++;
    verdict.broken.push(`${marker}: one request became ${[...ids].join(' and ')}`);
  }
  return verdict;
}

function judgeReceipt(receipt: Receipt, evidence: Evidence, verdict: EndsVerdict): void {
  const { submission, jobId, odd } = receipt;
  verdict.broken.push(...odd.map((said) => `${submission.marker}: refused in an odd way: ${said}`));
  if (jobId === null) {
    verdict.broken.push(`${submission.marker} was never accepted`);
    return;
  }
  verdict.accepted++;
  const name = `${jobId} (${submission.door} ${submission.marker})`;
  const job = evidence.lastRead.get(jobId);
  if (job?.finished_at == null) {
    verdict.lost++;
    verdict.broken.push(`${name} was lost: ${job === undefined ? 'it is gone' : `it is ${job.state}`}`);
    return;
  }
  countEnd(job, { name, receipt, verdict });
  const second = secondEnd(job, evidence);
  if (second !== null) {
    verdict.twice++;
    verdict.broken.push(`${name} ended twice: ${second}`);
  }
  verdict.broken.push(...storiesApart(job, receipt, evidence).map((what) => `${name}: ${what}`));
}

function countEnd(job: Job, at: { name: string; receipt: Receipt; verdict: EndsVerdict }): void {
  const { name, receipt, verdict } = at;
  const wanted = receipt.submission.cancelAfterMs === null ? 'completed' : 'cancelled';
  if (job.state === wanted) {
    verdict[wanted]++;
  } else if (receipt.submission.door === 'streamed completion' && job.error?.code === 'stream_interrupted') {
    verdict.interrupted++;
  } else {
    verdict.otherwise++;
    verdict.broken.push(`${name} was not ${wanted}: ${job.state} ${JSON.stringify(job.error)}`);
  }
}

function secondEnd(job: Job, { firstRead, events }: Evidence): string | null {
  const ends = (events.get(job.id) ?? []).filter(isEnd);
  if (ends.length !== 1) return `its events end ${ends.length} times`;
  const first = firstRead.get(job.id);
  if (first !== undefined && JSON.stringify(first) !== JSON.stringify(job)) return 'its record has changed since';
  return null;
}

/** Where record, events and what clients were given differ. */
function storiesApart(job: Job, { submission, answer }: Receipt, evidence: Evidence): string[] {
  const apart: string[] = [];
  const events = evidence.events.get(job.id) ?? [];
  if (events.some(({ id }, i) => id !== i + 1)) apart.push('its events have gaps');
  const last = events.at(-1);
  if (last?.type !== `job.${job.state}`) apart.push(`its last event is ${last?.type ?? 'none'}`);
  const followed = evidence.followed.get(job.id);
  if (followed !== undefined && JSON.stringify(followed) !== JSON.stringify(events)) {
    apart.push('who followed it live saw other events than who reads them later');
  }
  if (job.state !== 'completed') return apart;
  const said = answerOf({ ...job, result: completionOf(job) });
  // A filter may cut it short; see the spend's judge for the request that was answered in this way.
  const isCut = finishOf(completionOf(job)) === 'content_filter';
  if (isCut ? !submission.text.startsWith(said) : said !== submission.text) apart.push(`it answered "${said}"`);
  if (answer !== null && answer !== said) apart.push(`its client was given "${answer}"`);
  if (submission.door.startsWith('streamed') && contentOf(events) !== said)
    apart.push(`it streamed "${contentOf(events)}"`);
  return apart;
}

function isEnd({ type }: ServerEvent): boolean {
  return isTerminalEvent(type as JobEventType);
}

/** What answers the client: an orchestration's has its artifacts beside it. */
function completionOf({ type, result }: Job): Json | null {
  return type === 'orchestration' ? ((result?.response ?? null) as Json | null) : result;
}

function finishOf(completion: Json | null): string | undefined {
  return (completion?.choices as { finish_reason: string }[] | undefined)?.[0]?.finish_reason;
}

function jobsByMarker({ listed }: Evidence): Map<string, Set<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { id, metadata } of listed) {
    const marker = metadata.marker ?? 'a job without a marker';
    ids.set(marker, (ids.get(marker) ?? new Set()).add(id));
  }
  return ids;
}
