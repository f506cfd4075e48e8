import { expect, it } from '@jest/globals';
import { EndpointSlots, MOST_AT_ONCE } from './endpoint-slots.js';

it('a receiver that holds all of its own slots holds none of another', () => {
  const slots = new EndpointSlots();
  const taken = Array.from({ length: MOST_AT_ONCE }, () => slots.take('p/slow'));
  expect(taken).not.toContain(null);
  expect(slots.take('p/slow')).toBeNull();
  expect(slots.take('p/quick')).not.toBeNull();
  taken[0]?.();
  expect(slots.take('p/slow')).not.toBeNull();
  expect(slots.take('p/slow')).toBeNull();
});
