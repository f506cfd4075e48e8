import { expect, it } from '@jest/globals';
import { isTerminalEvent, JOB_EVENT_TYPES } from './job-event.js';
import { isTerminal, JOB_STATES, TERMINAL_STATES } from './job-state.js';

it('a job is over in exactly these states', () => {
  expect(JOB_STATES.filter(isTerminal)).toStrictEqual(['completed', 'failed', 'cancelled', 'expired']);
  expect(JOB_STATES.filter((state) => !isTerminal(state))).toStrictEqual(['queued', 'in_progress']);
});

it('a stream is over with exactly the events of these states', () => {
  expect(JOB_EVENT_TYPES.filter(isTerminalEvent)).toStrictEqual(TERMINAL_STATES.map((state) => `job.${state}`));
});
