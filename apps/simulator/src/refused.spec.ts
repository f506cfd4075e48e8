import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '#testing/wait-for.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ controlPort: 0 });
});
afterEach(() => simulator.close());

const REFUSED = { cause: { code: 'ECONNREFUSED' } };

function chat(fields: object = {}): Promise<Response> {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }], ...fields });
  return fetch(`${simulator.url}/v1/chat/completions`, { method: 'POST', body });
}

async function control(method: string, path: string, body?: object, base = simulator.controlUrl) {
  const response = await fetch(`${base}/_control/${path}`, { method, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

async function answered(): Promise<void> {
  const response = await chat();
  expect(response.status).toBe(200);
  await response.text();
}

describe('refused', () => {
  it('refuses connections, idle ones of before included, until it is called off in-process', async () => {
    await answered();
    await simulator.controls.refuseConnections(true);
    expect(simulator.controls.armed()).toMatchObject([{ fault: { kind: 'refused' } }]);
    await expect(chat()).rejects.toMatchObject(REFUSED);
    await expect(chat()).rejects.toMatchObject(REFUSED);
    await simulator.controls.refuseConnections(false);
    expect(simulator.controls.armed()).toEqual([]);
    await answered();
  });

  it('is armed and called off over the control port, which stays', async () => {
    expect(simulator.controlUrl).not.toBe(simulator.url);
    const armed = await control('POST', 'faults', { fault: { kind: 'refused' } });
    expect(armed).toEqual({ status: 201, body: { id: 'fault_1' } });
    await expect(chat()).rejects.toMatchObject(REFUSED);
    expect(await control('GET', 'faults')).toMatchObject({ body: { faults: [{ id: 'fault_1' }] } });
    expect(await control('DELETE', 'faults/fault_1')).toEqual({ status: 200, body: { cleared: 1 } });
    await answered();
    await control('POST', 'faults', { fault: { kind: 'refused' } });
    await expect(chat()).rejects.toMatchObject(REFUSED);
    await control('POST', 'reset');
    await answered();
  });

  it('knows controls alone on the control port', async () => {
    const response = await fetch(`${simulator.controlUrl}/v1/models`);
    expect(response.status).toBe(404);
    await response.text();
    expect(await control('GET', 'settings')).toMatchObject({ status: 200 });
    expect(await control('GET', 'settings', undefined, simulator.url)).toMatchObject({ status: 200 });
  });

  it('ends by itself where it is armed for a time, even without a control port', async () => {
    await simulator.close();
    simulator = await startSimulator();
    expect(simulator.controlUrl).toBe(simulator.url);
    const startedMs = performance.now();
    expect(await control('POST', 'faults', { fault: { kind: 'refused' }, for_ms: 80 })).toMatchObject({ status: 201 });
    await expect(chat()).rejects.toMatchObject(REFUSED);
    await waitFor(async () => (await chat()).ok);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(79);
    expect(simulator.controls.armed()).toEqual([]);
  });

  it('holds as long as the longest of several', async () => {
    const short = simulator.controls.arm({ fault: { kind: 'refused' }, for_ms: 1 });
    const long = simulator.controls.arm({ fault: { kind: 'refused' } });
    await waitFor(() => !simulator.controls.armed().some(({ id }) => id === short));
    await expect(chat()).rejects.toMatchObject(REFUSED);
    expect(simulator.controls.disarm(long)).toBe(1);
    await simulator.controls.settled();
    await answered();
  });

  it('lets answers under way end, and answers nothing more on their connections', async () => {
    const slow = chat({ simulator: { ttft_ms: 60 } });
    await simulator.controls.until(({ in_flight }) => in_flight === 1);
    await simulator.controls.refuseConnections(true);
    expect(await (await slow).json()).toMatchObject({ object: 'chat.completion' });
    await expect(chat()).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/^(ECONNREFUSED|ECONNRESET)$/) },
    });
    expect(simulator.controls.seen().counters).toMatchObject({ requests: 1, sent: 1, dropped: 0 });
  });

  it('opens as often as it is shut, and stays as it was wanted last', async () => {
    const { controls } = simulator;
    for (let i = 0; i < 5; i++) {
      const id = controls.arm({ fault: { kind: 'refused' } });
      controls.disarm(id);
    }
    await controls.settled();
    await answered();
    controls.disarm();
    await controls.refuseConnections(true);
    await expect(chat()).rejects.toMatchObject(REFUSED);
  });

  it('says so when somebody else has taken the port, and opens when it is free again', async () => {
    await simulator.controls.refuseConnections(true);
    const thief = createServer().listen(simulator.port, '127.0.0.1');
    await once(thief, 'listening');
    expect(await control('DELETE', 'faults')).toMatchObject({
      status: 500,
      body: { error: { message: expect.stringContaining('EADDRINUSE') } },
    });
    thief.close();
    await once(thief, 'close');
    expect(await control('DELETE', 'faults')).toEqual({ status: 200, body: { cleared: 0 } });
    await answered();
  });

  it('leaves other faults to requests, and cannot be carried by one', async () => {
    simulator.controls.arm({ fault: { kind: 'status', status: 503 } });
    simulator.controls.arm({ fault: { kind: 'refused' } });
    await simulator.controls.refuseConnections(false);
    expect((await chat()).status).toBe(503);
    expect((await chat({ simulator: { fault: { kind: 'refused' } } })).status).toBe(400);
  });

  it('closes while shut', async () => {
    await simulator.controls.refuseConnections(true);
    await simulator.close();
    await expect(chat()).rejects.toMatchObject(REFUSED);
    await expect(control('GET', 'settings')).rejects.toMatchObject(REFUSED);
  });
});
