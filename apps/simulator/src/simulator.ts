import { createServer, type RequestListener, type Server } from 'node:http';
import { anthropicProtocol } from './anthropic.js';
import { Controls } from './controls.js';
import { Door } from './door.js';
import { openaiProtocol } from './openai.js';
import { RequestHandler } from './request-handler.js';
import type { Settings } from './settings.js';
import { vllmProtocol } from './vllm.js';

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free port. */
  port?: number;
  /** A port for `/_control/…` alone, which stays open while connections to the other one are refused. Default none. */
  controlPort?: number;
  /** When set, requests must carry it. */
  apiKey?: string | null;
  /** The model ids that are served; none means any. */
  models?: readonly string[];
  settings?: Partial<Settings>;
  /** How many requests the log keeps, default 1000; 0 keeps none, for benches. */
  logLimit?: number;
  /** The clock of the limits: milliseconds that never go back. */
  now?: () => number;
}

/** A running simulator. Its controls are also at `/_control/…`. */
export interface Simulator {
  /** Without a version segment: clients of OpenAI's protocol append `/v1`. */
  url: string;
  port: number;
  /** Where `/_control/…` is: the control port's URL, or the same as `url`. */
  controlUrl: string;
  controls: Controls;
  /** Stops listening and closes every connection, open streams included. */
  close(): Promise<void>;
}

/** Longer than clients keep idle sockets, so that a reused one is never just being closed. */
const KEEP_ALIVE_MS = 75_000;

/** Starts a provider that speaks the vendors' protocols; resolves once it listens. Throws when it cannot. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { settings = {}, logLimit = 1000, now = () => performance.now(), host = '127.0.0.1' } = options;
  const controls = new Controls({ settings, logLimit, now });
  const handler = handlerOf(controls, options);
  const door: Door = new Door(
    listening((request, response) => {
      // A connection that was busy when the door was shut is still there.
      if (door.isShut) request.socket.resetAndDestroy();
      else handler.handle(request, response);
    }),
    { host, port: options.port ?? 0 },
  );
  await door.set(true);
  controls.door = door;
  const ownDoor = await openControls(handler, { host, port: options.controlPort }).catch(async (error: unknown) => {
    await door.close();
    throw error;
  });
  return {
    url: urlOf(host, door.port),
    port: door.port,
    controlUrl: urlOf(host, (ownDoor ?? door).port),
    controls,
    close: async () => {
      handler.isClosing = true;
      controls.close();
      await Promise.all([door.close(), ownDoor?.close()]);
    },
  };
}

function handlerOf(controls: Controls, options: SimulatorOptions): RequestHandler {
  // One more vendor: its protocol goes here.
  const served = { apiKey: options.apiKey ?? null, models: options.models ?? [] };
  const protocols = [
    openaiProtocol(served),
    anthropicProtocol(served),
    vllmProtocol({ ...served, tally: () => controls.seen(0).counters }),
  ] as const;
  return new RequestHandler(controls, protocols, { hasControlPort: options.controlPort !== undefined });
}

async function openControls(
  handler: RequestHandler,
  { host, port }: { host: string; port: number | undefined },
): Promise<Door | null> {
  if (port === undefined) return null;
  const door = new Door(
    listening((request, response) => handler.handleControl(request, response)),
    { host, port },
  );
  await door.set(true);
  return door;
}

function listening(listener: RequestListener): Server {
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener);
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
