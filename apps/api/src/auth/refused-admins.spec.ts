import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { RefusedAdmins } from './refused-admins.js';

const lines: object[] = [];
const logger = { warn: (fields: object) => void lines.push(fields) };

beforeEach(() => {
  lines.length = 0;
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

it('tells of the first at once, and of all that follow in one line, with the last of them', () => {
  const refused = new RefusedAdmins(logger as never, 1_000);
  for (let i = 0; i < 500; i++) refused.add('admin_token_required', '10.0.0.7');
  expect(lines).toEqual([{ refused: 1, code: 'admin_token_required', address: '10.0.0.7' }]);
  refused.add('session_ended', '10.0.0.8');
  jest.advanceTimersByTime(1_000);
  expect(lines.slice(1)).toEqual([{ refused: 500, code: 'session_ended', address: '10.0.0.8' }]);
  jest.advanceTimersByTime(10_000);
  expect(lines).toHaveLength(2);
});
