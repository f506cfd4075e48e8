import type { PublicError } from '#contracts/attempt.js';
import { LEAST_VOTERS, type StepNode } from '#contracts/orchestration.js';
import { failureOf, hasEnded, outputOf, stateOf, type StepStates } from './step-states.js';

/** What comes next in a graph. */
export type Progress =
  /** These steps are ready and nobody has begun them. */
  | { kind: 'open'; steps: string[] }
  /** Nothing can begin until a step in progress ends. */
  | { kind: 'running' }
  /** `final` is the step whose completion is the job's answer; the `skipped` ones are not needed any more. */
  | { kind: 'done'; final: string; skipped: string[] }
  /** `step` is the one that failed the graph; null when no single one did. */
  | { kind: 'failed'; step: string | null; error: PublicError; skipped: string[] };

/** Looks at a graph's steps and tells what comes next; it may be asked as often as one likes. */
export function progressOf(nodes: readonly StepNode[], states: StepStates): Progress {
  const failure = failedStep(nodes, states) ?? failedVote(nodes, states);
  if (failure !== null) return { kind: 'failed', ...failure, skipped: unbegun(nodes, states) };
  const final = finalStep(nodes, states);
  if (final !== null) return { kind: 'done', final, skipped: unbegun(nodes, states) };
  const ready = nodes.filter(({ id, needs }) => {
    return stateOf(states, id) === 'pending' && needs.every((need) => hasEnded(states, need));
  });
  return ready.length > 0 ? { kind: 'open', steps: ready.map(({ id }) => id) } : { kind: 'running' };
}

interface Failure {
  step: string | null;
  error: PublicError;
}

/** Any failed step but a candidate, whose place others can take. */
function failedStep(nodes: readonly StepNode[], states: StepStates): Failure | null {
  const failed = nodes.find(({ id, name }) => name !== 'candidate' && stateOf(states, id) === 'failed');
  return failed ? { step: failed.id, error: failureOf(states, failed.id) } : null;
}

/** A choice needs two. The vote waits for all its candidates first, so that the error can tell of each. */
function failedVote(nodes: readonly StepNode[], states: StepStates): Failure | null {
  const candidates = nodes.filter(({ name }) => name === 'candidate');
  if (candidates.length === 0 || !candidates.every(({ id }) => hasEnded(states, id))) return null;
  const answered = candidates.filter(({ id }) => outputOf(states, id) !== null).length;
  if (answered >= LEAST_VOTERS) return null;
  const failures = candidates
    .filter(({ id }) => stateOf(states, id) === 'failed')
    .map(({ id }) => `${id} failed with ${failureOf(states, id).code}`);
  const told = [
    `${answered} of ${candidates.length} candidates answered, and a vote needs ${LEAST_VOTERS}`,
    ...failures,
  ];
  return { step: null, error: { code: 'vote_failed', message: told.join('; '), class: null, providerStatus: null } };
}

/** The step whose completion is the job's answer, once that is settled. */
function finalStep(nodes: readonly StepNode[], states: StepStates): string | null {
  const approval = nodes.find(({ id }) => outputOf(states, id)?.approved === true);
  if (approval) return approval.needs[0] ?? null;
  const last = nodes.at(-1);
  if (!last || stateOf(states, last.id) !== 'completed') return null;
  return last.name === 'judge' ? electedCandidate(last, states) : last.id;
}

/**
 * The best candidate, or the first by routing's order of those that tie; where the judge named none that answered, the
 * first that did.
 */
function electedCandidate(judge: StepNode, states: StepStates): string | null {
  const answered = judge.needs.filter((id) => outputOf(states, id) !== null);
  const named = outputOf(states, judge.id)?.verdict?.named ?? [];
  return answered.find((id) => named.includes(id)) ?? answered[0] ?? null;
}

/** Those that never began, whether or not anybody has written down that they are skipped. */
function unbegun(nodes: readonly StepNode[], states: StepStates): string[] {
  return nodes.map(({ id }) => id).filter((id) => ['pending', 'skipped'].includes(stateOf(states, id)));
}
