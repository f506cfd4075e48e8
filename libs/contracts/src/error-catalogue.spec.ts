import { expect, it } from '@jest/globals';
import { ERROR_CATALOGUE, TokenhubError, type ErrorCode } from './error-catalogue.js';

it.each(Object.entries(ERROR_CATALOGUE))(
  '%s has a stable name, an error status and a title',
  (code, { status, title }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(new TokenhubError(code as ErrorCode)).toMatchObject({ code, status, title, message: title });
  },
);

it('an error keeps its cause apart from what it says', () => {
  const cause = new Error('internal');
  const error = new TokenhubError('internal_error', undefined, { cause, status: 418 });
  expect(error).toMatchObject({ name: 'TokenhubError', status: 418, cause });
  expect(error.message).not.toContain('internal:');
});
