import { expect, it } from '@jest/globals';
import { EndpointSlots, MOST_AT_ONCE, MOST_OF_A_PROJECT, type Slot } from './endpoint-slots.js';

const times = (n: number, take: (i: number) => Slot): Slot[] => Array.from({ length: n }, (_, i) => take(i));
const letGo = (slot: Slot | undefined): void => {
  if (slot?.kind === 'taken') slot.letGo();
};

it('a receiver that holds all of its own slots holds none of another', () => {
  const slots = new EndpointSlots();
  const slow = { project: 'p', name: 'slow' };
  const taken = times(MOST_AT_ONCE, () => slots.take(slow));
  expect(new Set(taken.map(({ kind }) => kind))).toEqual(new Set(['taken']));
  expect(slots.take(slow)).toEqual({ kind: 'none', of: 'p/slow' });
  expect(slots.take({ project: 'p', name: 'quick' }).kind).toBe('taken');
  letGo(taken[0]);
  expect(slots.take(slow).kind).toBe('taken');
  expect(slots.take(slow).kind).toBe('none');
});

it('a project with however many slow receivers leaves room for another project', () => {
  const slots = new EndpointSlots();
  const taken = times(100, (i) => slots.take({ project: 'p', name: `h${i}.example` }));
  expect(taken.filter(({ kind }) => kind === 'taken')).toHaveLength(MOST_OF_A_PROJECT);
  expect(taken.at(-1)).toEqual({ kind: 'none', of: 'p' });
  expect(slots.take({ project: 'q', name: 'hook' }).kind).toBe('taken');
  letGo(taken[0]);
  expect(slots.take({ project: 'p', name: 'another' }).kind).toBe('taken');
  expect(slots.take({ project: 'p', name: 'another' }).kind).toBe('none');
});
