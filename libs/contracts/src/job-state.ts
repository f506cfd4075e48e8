/** The life of a job; `queued → in_progress → completed | failed | cancelled | expired`. A terminal state is never left. */
export const JOB_STATES = ['queued', 'in_progress', 'completed', 'failed', 'cancelled', 'expired'] as const;
export type JobState = (typeof JOB_STATES)[number];

export const TERMINAL_STATES = ['completed', 'failed', 'cancelled', 'expired'] as const;
export type TerminalState = (typeof TERMINAL_STATES)[number];

/** True once the state can no longer change. */
export function isTerminal(state: JobState): state is TerminalState {
  return (TERMINAL_STATES as readonly JobState[]).includes(state);
}

export const JOB_TYPES = ['chat', 'completion', 'embedding', 'orchestration'] as const;
export type JobType = (typeof JOB_TYPES)[number];

/** The kinds of work that one call can do at a provider. */
export const CALL_KINDS = ['chat', 'completion', 'embedding'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];
