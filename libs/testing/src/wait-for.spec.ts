import { describe, expect, it } from '@jest/globals';
import { waitFor } from './wait-for.js';

describe('waitFor', () => {
  it('gives the first truthy value, after falsy ones and errors', async () => {
    const answers = [() => null, () => Promise.reject(new Error('refused')), () => 0, () => 'ready'];
    const given = await waitFor<unknown>(() => answers.shift()?.(), { pauseMs: 1 });
    expect(given).toBe('ready');
    expect(answers).toHaveLength(0);
  });

  it.each([
    { last: 'a value', probe: () => undefined, seen: 'undefined' },
    { last: 'an error', probe: () => Promise.reject(new Error('ECONNREFUSED')), seen: 'ECONNREFUSED' },
    { last: 'no answer', probe: () => new Promise<undefined>(() => undefined), seen: 'the probe did not answer' },
  ])('fails with $last as what was last seen', async ({ probe, seen }) => {
    const waiting = waitFor<unknown>(probe, { timeoutMs: 5, pauseMs: 1, describe: 'the job to end' });
    await expect(waiting).rejects.toThrow(/waited 5 ms for the job to end; last seen: /);
    await expect(waiting).rejects.toThrow(seen);
  });
});
