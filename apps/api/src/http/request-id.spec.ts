import { expect, it } from '@jest/globals';
import { FakeResponse } from './fixtures/fake-response.js';
import { assignRequestId, requestIdOf } from './request-id.js';

it('every answer has an id of its own, safe in a header', () => {
  const ids = Array.from({ length: 2_000 }, () => {
    const response = new FakeResponse();
    assignRequestId(response.express);
    expect(response.headers['x-request-id']).toBe(requestIdOf(response.express));
    return requestIdOf(response.express);
  });
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^req_[0-9a-z]{8,40}$/.test(id))).toStrictEqual([]);
});

it('without one the id is empty', () => expect(requestIdOf(new FakeResponse().express)).toBe(''));
