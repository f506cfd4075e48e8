import process from 'node:process';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '#testing/wait-for.js';
import { startSimulator, type Simulator } from './simulator.js';

const MIB = 1024 * 1024;
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(() => simulator.close());

/** The answer, of which nothing is read yet. */
async function ask(fault: object, stream = false): Promise<IncomingMessage> {
  const request = httpRequest(`${simulator.url}/v1/chat/completions`, { method: 'POST' });
  const messages = [{ role: 'user', content: 'hello' }];
  request.end(JSON.stringify({ model: 'm', messages, stream, simulator: { fault } }));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function read(response: IncomingMessage): Promise<{ bytes: number; start: string }> {
  let bytes = 0;
  let start = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (start.length < 2000) start += chunk.toString();
  }
  return { bytes, start };
}

describe('huge_body', () => {
  it('is 100 MiB of one JSON text, chunked and to a proper end', async () => {
    const response = await ask({ kind: 'huge_body' });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({ 'content-type': 'application/json', 'transfer-encoding': 'chunked' });
    const { bytes, start } = await read(response);
    expect(response.complete).toBe(true);
    expect(bytes).toBeGreaterThan(100 * MIB);
    expect(bytes).toBeLessThan(100 * MIB + 1000);
    expect(start).toMatch(/^\{"id":"chatcmpl-[^\n]*lorem ipsum dolor/);
    const { counters } = simulator.controls.seen();
    expect(counters).toMatchObject({ sent: 1, output_tokens: 0, by_fault: { huge_body: 1 } });
  });

  it('is one endless event of a stream', async () => {
    const response = await ask({ kind: 'huge_body', bytes: 200_001 }, true);
    expect(response.headers['content-type']).toContain('text/event-stream');
    const { bytes, start } = await read(response);
    expect(bytes).toBeGreaterThan(200_001);
    const events = start.split('\n\n');
    expect(events.slice(0, -1).every((event) => event.startsWith('data: {"id"'))).toBe(true);
    expect(events.at(-1)).toMatch(/^data: \{"id".*lorem ipsum/);
  });

  it('holds none of it for clients that do not read, and stops when they leave', async () => {
    const before = process.memoryUsage().rss;
    const unread = await Promise.all(Array.from({ length: 20 }, () => ask({ kind: 'huge_body' })));
    const filled = () => unread.every((response) => response.readableLength > 0);
    await waitFor(filled);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MIB);
    for (const response of unread) response.destroy();
    await simulator.controls.until(({ aborted, in_flight }) => aborted === 20 && in_flight === 0);
  });
});
