import { connect } from 'node:net';
import { join } from 'node:path';
import type { ChildSpec } from '../lib/supervised-child.ts';
import type { StartPlan } from './plan-start.ts';

export interface Surroundings {
  root: string;
  stateDir: string;
  /** What every process gets beside the person's own environment. */
  env: NodeJS.ProcessEnv;
}

/** Where the embedded database listens, and where its data are. */
export interface EmbeddedPostgres {
  port: number;
  url: string;
  dir: string;
}

export function postgresSpec({ port, dir }: EmbeddedPostgres, surroundings: Surroundings): ChildSpec {
  return {
    ...nodeCommand('postgres', {
      entry: join('libs', 'database', 'src', 'embedded-main.js'),
      args: [dir, String(port)],
      surroundings,
    }),
    isReady: () => accepts(port),
    stopTimeoutMs: 15_000,
  };
}

export function simulatorSpec(port: number, surroundings: Surroundings): ChildSpec {
  return {
    ...nodeCommand('simulator', { args: ['--host', '127.0.0.1', '--port', String(port)], surroundings }),
    isReady: () => answersOk(`http://127.0.0.1:${port}/v1/models`),
    stopTimeoutMs: 15_000,
  };
}

export function apiSpec(plan: StartPlan, surroundings: Surroundings): ChildSpec {
  return {
    ...nodeCommand('api', { env: { TOKENHUB_HOST: plan.host, TOKENHUB_PORT: String(plan.apiPort) }, surroundings }),
    isReady: () => answersOk(`http://${reachable(plan.host)}:${plan.apiPort}/ready`),
    stopTimeoutMs: 15_000,
  };
}

export function workerSpecs(plan: StartPlan, surroundings: Surroundings): ChildSpec[] {
  return plan.workerPorts.map((port, index) => ({
    ...nodeCommand('worker', { env: { TOKENHUB_HOST: plan.host, TOKENHUB_WORKER_PORT: String(port) }, surroundings }),
    name: plan.workers === 1 ? 'worker' : `worker-${index + 1}`,
    // The worker's host is its own: it does not follow the API's.
    isReady: () => answersOk(`http://${reachable(process.env.TOKENHUB_WORKER_HOST ?? '')}:${port}/ready`),
    // An answer under way may take long; a worker that is killed loses nothing, but its calls are made twice.
    stopTimeoutMs: 30_000,
  }));
}

function nodeCommand(
  app: string,
  {
    entry = join('apps', app, 'src', 'main.js'),
    args = [],
    env = {},
    surroundings,
  }: { entry?: string; args?: string[]; env?: NodeJS.ProcessEnv; surroundings: Surroundings },
): Pick<ChildSpec, 'name' | 'command' | 'args' | 'env' | 'readyTimeoutMs'> {
  const { root } = surroundings;
  const preload = join(root, 'scripts', 'lib', 'end-with-supervisor.mjs');
  return {
    name: app,
    command: process.execPath,
    args: ['--enable-source-maps', '--import', preload, join(root, 'dist', entry), ...args],
    env: { ...process.env, ...surroundings.env, ...env },
    readyTimeoutMs: 60_000,
  };
}

/** A server on every address, or on its default one, is asked on the loopback. */
function reachable(host: string): string {
  if (host === '' || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

async function answersOk(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await answer.arrayBuffer();
  return answer.status === 200;
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => resolve(true)).once('error', reject);
  return promise.finally(() => socket.destroy());
}
