import type { PublicError } from '#contracts/attempt.js';
import { ERROR_CATALOGUE } from '#contracts/error-catalogue.js';
import type { StepOutput, StepState } from '#contracts/orchestration.js';

/** How far a step is, and what it left. */
export interface StepStatus {
  state: StepState;
  output: StepOutput | null;
  error?: PublicError | null;
}

/** By step id; an absent step is pending. */
export type StepStates = ReadonlyMap<string, StepStatus>;

/** A step's state; what nobody has written down yet is pending. */
export function stateOf(states: StepStates, id: string): StepState {
  return states.get(id)?.state ?? 'pending';
}

/** What a completed step left; null for any other. */
export function outputOf(states: StepStates, id: string): StepOutput | null {
  const status = states.get(id);
  return status?.state === 'completed' ? status.output : null;
}

/** True when nothing more will come of the step. */
export function hasEnded(states: StepStates, id: string): boolean {
  const state = stateOf(states, id);
  return state === 'completed' || state === 'failed' || state === 'skipped';
}

/** Why a failed step failed; a failure that nobody explained is ours. */
export function failureOf(states: StepStates, id: string): PublicError {
  const { title: message } = ERROR_CATALOGUE.internal_error;
  return states.get(id)?.error ?? { code: 'internal_error', message, class: null, providerStatus: null };
}
