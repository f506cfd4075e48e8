import type { Cell } from './fault-cells.js';
import type { ExpectedAttempt, Party } from './fault-row.js';

/** What a cell comes to, seen from every side. What was expected and what was observed have this one shape. */
export interface Outcome {
  /** Of each request that reached the provider: the status that it sent and how the exchange ended. */
  upstream: Record<Party, string[]>;
  client: Seen;
  record: {
    state: string;
    error: string | null;
    /** Who is named as having answered, or as the last to fail. */
    named: Party;
    attempts: string[];
  };
  /** Per attempt, with the job's sums behind them. */
  billed: string[];
}

/** What the client saw. */
export interface Seen {
  status: number;
  /** Whose words, and whether they are all. */
  text: string;
  finish: string | null;
  /** The last that came. */
  ending: string;
  error: string | null;
  /** By the answer's headers, or by the job that was read. */
  named: string | null;
  /** Of an asynchronous job, pieces of output that follow each other counted once. */
  events: string[];
}

/** What the row says that its cell comes to. */
export function expectedOutcome(cell: Cell): Outcome {
  const { attempts, end } = cell.course;
  return {
    upstream: { primary: wiresOf('primary', attempts), backup: wiresOf('backup', attempts) },
    client: expectedSeen(cell),
    record: {
      state: end.kind === 'answer' ? 'completed' : 'failed',
      error: end.kind === 'interruption' ? 'stream_interrupted' : (attempts.at(-1)?.failure?.code ?? null),
      named: lastOf(cell),
      attempts: attempts.map(({ by, failure }) => attemptText(by, failure)),
    },
    billed: [...attempts.map(billOf), 'the job: their sum'],
  };
}

/** One attempt in words; the provider's code stands last, in brackets. */
export function attemptText(
  by: Party,
  failure: { class: string | null; code: string; status: number | null } | null,
): string {
  if (failure === null) return `${by} answered`;
  return `${by}: ${[failure.class, failure.status, `(${failure.code})`].filter((word) => word !== null).join(' ')}`;
}

/** The words of a candidate that a client has: all of its own, their beginning, or none. */
export function textOf(by: Party, much: 'all' | 'beginning' | 'none'): string {
  return much === 'none' ? 'none' : `${much === 'all' ? 'all' : 'the beginning'} of the ${by}’s`;
}

function wiresOf(by: Party, attempts: readonly ExpectedAttempt[]): string[] {
  return attempts
    .filter((attempt) => attempt.by === by)
    .flatMap(({ failure }) => (failure === null ? ['200 sent'] : failure.wire === null ? [] : [failure.wire]));
}

function expectedSeen(cell: Cell): Seen {
  const { course, delivery } = cell;
  const { attempts, end } = course;
  const events = delivery === 'asynchronous' ? eventsOf(attempts) : [];
  const named = `${lastOf(cell)} after ${attempts.length}`;
  switch (end.kind) {
    case 'answer': {
      const ending = { plain: 'body', stream: '[DONE]', asynchronous: 'job.completed' }[delivery];
      return {
        status: 200,
        text: textOf(lastOf(cell), end.text),
        finish: end.finish,
        ending,
        error: null,
        named,
        events,
      };
    }
    case 'error': {
      const isJob = delivery === 'asynchronous';
      const ending = isJob ? 'job.failed' : 'body';
      const text = attempts.at(-1)?.spoke ? textOf(lastOf(cell), 'beginning') : 'none';
      return { status: end.status, text, finish: null, ending, error: end.code, named: isJob ? named : null, events };
    }
    case 'interruption': {
      const text = textOf('primary', 'beginning');
      return { status: 200, text, finish: null, ending: 'error', error: 'stream_interrupted', named, events };
    }
  }
}

function eventsOf(attempts: readonly ExpectedAttempt[]): string[] {
  const ofAttempts = attempts.flatMap(({ failure, spoke }, i) => [
    'attempt.started',
    ...(spoke ? ['output.delta'] : []),
    ...(failure === null ? [] : ['attempt.failed']),
    ...(failure !== null && spoke && i < attempts.length - 1 ? ['output.reset'] : []),
  ]);
  return ['job.queued', 'job.started', ...ofAttempts, attempts.at(-1)?.failure ? 'job.failed' : 'job.completed'];
}

/**
 * Whoever spoke has to be paid: by its own figures, or by our count where it broke off before it gave any. Whoever was given up while it was
 * at work has its input paid.
 */
function billOf({ by, failure, spoke }: ExpectedAttempt): string {
  if (failure === null) return `${by}: its usage`;
  if (spoke) return `${by}: our count`;
  return failure.code.endsWith('_timeout') && failure.wire !== null ? `${by}: our count of its input` : 'nothing';
}

function lastOf({ course }: Cell): Party {
  const last = course.attempts.at(-1);
  if (last === undefined) throw new Error('a course has at least one attempt');
  return last.by;
}
