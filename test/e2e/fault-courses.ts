import type { Course, Delivery, ExpectedAttempt, Failure, Party } from './fault-row.js';

/** The primary answers at once. */
export function answered(answer: { text: 'all' | 'beginning' | 'none'; finish: string } = WHOLE): Course {
  return { attempts: [ok('primary')], end: { kind: 'answer', ...answer } };
}

/** A second try at the primary, then the backup. */
export function retried(failure: Failure): Course {
  return { attempts: [at('primary', failure), at('primary', failure), ok('backup')], end: ANSWER };
}

/** The backup, with no second try. */
export function moved(failure: Failure): Course {
  return { attempts: [at('primary', failure), ok('backup')], end: ANSWER };
}

/** The primary again, once its limit lets it. */
export function waited(failure: Failure): Course {
  return { attempts: [at('primary', failure), ok('primary')], end: ANSWER };
}

/** The job ends with these failures. */
export function failed(attempts: readonly ExpectedAttempt[], error: { status: number; code: string }): Course {
  return { attempts, end: { kind: 'error', ...error } };
}

/** What the design's table says of a failure before the first content, where the backup has a larger window. */
export function byClass(failure: Failure): Course {
  switch (failure.class) {
    case 'transient':
      return retried(failure);
    case 'rate_limited':
    case 'provider_fault':
    case 'context_overflow':
      return moved(failure);
    case 'content_filtered':
    case 'invalid_request':
      return failed([at('primary', failure)], { status: clientStatus(failure), code: failure.code });
  }
}

/**
 * A course whose failures come after the first content: a synchronous stream ends with an error and no other attempt, while
 * readers of an asynchronous job are told to forget what they have. A plain answer has no first content.
 */
export function afterContent({ attempts, end }: Course, delivery: Delivery): Course {
  const spoken = attempts.map((attempt) => ({ ...attempt, spoke: true }));
  switch (delivery) {
    case 'plain':
      return { attempts, end };
    case 'stream':
      return { attempts: spoken.slice(0, 1), end: { kind: 'interruption' } };
    case 'asynchronous':
      return { attempts: spoken, end };
  }
}

/** One failed attempt. */
export function at(by: Party, failure: Failure, { spoke } = { spoke: false }): ExpectedAttempt {
  return { by, failure, spoke };
}

const WHOLE = { text: 'all', finish: 'stop' } as const;
const ANSWER: Course['end'] = { kind: 'answer', ...WHOLE };

function ok(by: Party): ExpectedAttempt {
  return { by, failure: null, spoke: true };
}

/** A provider that lacks what it was asked for may say 501, which a client would take for ours. */
function clientStatus({ status }: Failure): number {
  return status !== null && status < 500 ? status : 400;
}
