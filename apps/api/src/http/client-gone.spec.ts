import { expect, it } from '@jest/globals';
import { ClientGone, clientGone } from './client-gone.js';
import { FakeResponse } from './fixtures/fake-response.js';

it('a connection that closes before the answer is complete aborts', () => {
  const response = new FakeResponse();
  const signal = clientGone(response.express);
  expect(signal.aborted).toBe(false);
  response.close();
  expect(signal.reason).toBeInstanceOf(ClientGone);
});

it('one that was closed before anybody looked has aborted', () => {
  const response = new FakeResponse();
  response.close();
  expect(clientGone(response.express).reason).toBeInstanceOf(ClientGone);
});

it('one that closes after its answer does not abort', () => {
  const response = new FakeResponse();
  const signal = clientGone(response.express);
  response.end('all');
  response.close();
  expect(signal.aborted).toBe(false);
});
