import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, isPortFree, portFrom, requireFreePorts } from './ports.ts';

const servers: Server[] = [];

async function takenPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

afterEach(() => servers.splice(0).forEach((one) => one.close()));

describe('ports', () => {
  it('names every port in use and the variable that changes it', async () => {
    const [api, worker] = [await takenPort(), await takenPort()];
    const checking = requireFreePorts('127.0.0.1', [
      { for: 'the API', port: api, variable: 'TOKENHUB_PORT' },
      { for: 'a worker', port: worker, variable: 'TOKENHUB_WORKER_PORT' },
    ]);
    await expect(checking).rejects.toThrow(
      `Port ${api} (for the API) is in use: end what holds it, or set TOKENHUB_PORT to another.\n  Port ${worker} (for a worker)`,
    );
  });

  it('names two processes that want the same port', async () => {
    const port = await freePort(0);
    const checking = requireFreePorts('127.0.0.1', [
      { for: 'a worker', port, variable: 'TOKENHUB_WORKER_PORT' },
      { for: 'the simulator', port, variable: 'TOKENHUB_SIMULATOR_PORT' },
    ]);
    await expect(checking).rejects.toThrow(
      `Port ${port} is wanted by a worker and by the simulator: set TOKENHUB_SIMULATOR_PORT`,
    );
  });

  it('prefers the wanted port, and takes another when it is in use', async () => {
    const taken = await takenPort();
    expect(await isPortFree(taken)).toBe(false);
    const other = await freePort(taken);
    expect(other).not.toBe(taken);
    expect(await freePort(other)).toBe(other);
  });

  it.each([
    { text: undefined, port: 8080 },
    { text: '', port: 8080 },
    { text: '9000', port: 9000 },
  ])('reads $text as $port', ({ text, port }) => {
    expect(portFrom({ TOKENHUB_PORT: text }, { variable: 'TOKENHUB_PORT', otherwise: 8080 })).toBe(port);
  });

  it.each(['0', '65536', '80.5', 'http'])('refuses %s and names the variable', (text) => {
    expect(() => portFrom({ TOKENHUB_PORT: text }, { variable: 'TOKENHUB_PORT', otherwise: 8080 })).toThrow(
      `TOKENHUB_PORT is "${text}"`,
    );
  });
});
