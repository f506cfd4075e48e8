import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { freePort } from './free-port.js';

it('gives every caller another port, and none that is taken', async () => {
  const first = await freePort();
  const taken = createServer().listen(first + 1, '127.0.0.1');
  try {
    await once(taken, 'listening');
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
    expect(new Set([...ports, first, first + 1]).size).toBe(52);
  } finally {
    taken.close();
  }
});
