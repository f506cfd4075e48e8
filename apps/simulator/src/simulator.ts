import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicProtocol } from './anthropic.js';
import { Controls } from './controls.js';
import { openaiProtocol } from './openai.js';
import { RequestHandler } from './request-handler.js';
import type { Settings } from './settings.js';
import { vllmProtocol } from './vllm.js';

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** When set, requests must carry it. */
  apiKey?: string | null;
  /** The model ids that are served; none means any. */
  models?: readonly string[];
  settings?: Partial<Settings>;
  /** How many requests the log keeps, default 1000; 0 keeps none, for benches. */
  logLimit?: number;
}

/** A running simulator. Its controls are also at `/_control/…`. */
export interface Simulator {
  /** Without a version segment: clients of OpenAI's protocol append `/v1`. */
  url: string;
  port: number;
  controls: Controls;
  /** Stops listening and closes every connection, open streams included. */
  close(): Promise<void>;
}

/** Longer than clients keep idle sockets, so that a reused one is never just being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Starts a provider that speaks the vendors' protocols; resolves once it listens. Throws when it cannot. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const controls = new Controls({ settings: options.settings ?? {}, logLimit: options.logLimit ?? 1000 });
  // One more vendor: its protocol goes here.
  const served = { apiKey: options.apiKey ?? null, models: options.models ?? [] };
  const protocols = [
    openaiProtocol(served),
    anthropicProtocol(served),
    vllmProtocol({ ...served, tally: () => controls.seen(0).counters }),
  ] as const;
  const handler = new RequestHandler(controls, protocols);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) =>
    handler.handle(request, response),
  );
  const host = options.host ?? '127.0.0.1';
  server.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    controls,
    close: async () => {
      if (server.listening) {
        handler.isClosing = true;
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      }
    },
  };
}
