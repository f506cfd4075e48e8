import { expect, it } from '@jest/globals';
import { WorkerLifecycle, type WorkerParts } from './worker-lifecycle.js';

/** Parts that do nothing; what they are told is kept in order. `during` happens while the worker shows itself to the others. */
function parts(during: (tell: Record<'vault' | 'escrow', () => void>) => void): { parts: WorkerParts; told: string[] } {
  const told: string[] = [];
  const tell = { vault: (): void => undefined, escrow: (): void => undefined };
  const nothing = (): Promise<void> => Promise.resolve();
  const onChange = (part: 'vault' | 'escrow') => ({
    onChange: (listener: () => void) => (tell[part] = listener),
  });
  const all = {
    running: { listen: nothing },
    registry: { start: nothing, current: {}, onChange: (listener: (registry: object) => void) => listener({}) },
    pools: { follow: () => told.push('follow'), settled: nothing },
    pausedQueues: { follow: nothing, start: nothing },
    endpoints: { start: nothing },
    views: { start: nothing, look: () => told.push('look') },
    outcomes: { start: nothing },
    graphs: { start: nothing },
    reconciler: { start: () => Promise.resolve(told.push('reconciler')) },
    presence: {
      tell: () => told.push('tell'),
      start: () => {
        told.length = 0;
        during(tell);
        return Promise.resolve();
      },
    },
    ...{ vault: onChange('vault'), escrow: onChange('escrow') },
  };
  return { parts: all as unknown as WorkerParts, told };
}

it.each(['vault', 'escrow'] as const)(
  'a change of the %s while the worker starts decides which pools it serves',
  async (part) => {
    const { parts: given, told } = parts((tell) => {
      tell[part]();
    });
    await new WorkerLifecycle(given).onApplicationBootstrap();
    expect(told).toEqual(expect.arrayContaining(['follow', 'look']));
  },
);

it('begins to move, fail and expire what waits when all else has begun', async () => {
  // What was told before the worker showed itself to the others is forgotten.
  const { parts: given, told } = parts(() => undefined);
  await new WorkerLifecycle(given).onApplicationBootstrap();
  expect(told).toContain('reconciler');
});
