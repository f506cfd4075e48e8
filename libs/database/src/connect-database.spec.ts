import { describe, expect, it } from '@jest/globals';
import { isDatabaseUnavailable } from './connect-database.js';

const coded = (code: string): Error => Object.assign(new Error('It went wrong.'), { code });

describe('the database is away', () => {
  it.each([
    ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOENT'],
    ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
    // The server ends, was ended, starts, or dropped this database; has no room; is a standby.
    ...['57P01', '57P02', '57P03', '57P04', '57P05', '53100', '53300', '08000', '08006', '08P01', '25006'],
    // Somebody was silent for too long, or took too long.
    ...['25P03', '55P03', '57014'],
  ])('for the code %s, and where one of several addresses says so', (code) => {
    expect(isDatabaseUnavailable(coded(code))).toBe(true);
    expect(isDatabaseUnavailable(new AggregateError([coded(code)], ''))).toBe(true);
  });

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
  ])('when pg says: %s', (message) => {
    expect(isDatabaseUnavailable(new Error(message))).toBe(true);
  });

  it.each(['22021', '23505', '42P01', '25P02', '40P01', '54000', 'XX000', 'EACCES', ''])('but not for %s', (code) => {
    expect(isDatabaseUnavailable(coded(code))).toBe(false);
  });

  it.each([null, undefined, 'ECONNREFUSED', 5, {}])('but not for %p', (nothing) => {
    expect(isDatabaseUnavailable(nothing)).toBe(false);
  });
});
