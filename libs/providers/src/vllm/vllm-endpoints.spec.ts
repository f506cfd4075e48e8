import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Model, Provider } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { startSimulator, type Simulator, type SimulatorOptions } from '../../../../apps/simulator/src/simulator.js';
import type { ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { VllmAdapter } from './vllm-adapter.js';
import { VllmEndpoints, type EndpointsChange } from './vllm-endpoints.js';

const HEALTH = '/vllm/health';
let http: HttpClient;
let simulators: Simulator[];
let provider: Provider;
let changes: EndpointsChange[];
let onChange: (change: EndpointsChange) => void;
let endpoints: VllmEndpoints;

beforeEach(() => {
  http = new HttpClient();
  simulators = [];
  changes = [];
  onChange = () => undefined;
});

afterEach(async () => {
  await endpoints.stop();
  await Promise.all(simulators.map((simulator) => simulator.close()));
  await http.close();
});

/** One simulator per item, all of them endpoints of one provider that is probed every few milliseconds. */
async function setUp(...options: SimulatorOptions[]): Promise<void> {
  for (const each of options) simulators.push(await startSimulator(each));
  provider = providerOf(simulators.map(({ url }) => `${url}/vllm/v1`));
  endpoints = new VllmEndpoints({
    http,
    providers: () => [provider],
    credentialOf: () => null,
    onChange: (change) => {
      changes.push(change);
      onChange(change);
    },
    intervalMs: 10,
  });
}

function providerOf(urls: string[], changes: Partial<Provider> = {}): Provider {
  return {
    id: 'local',
    type: 'vllm',
    endpoints: urls,
    credential: { source: 'none' },
    enabled: true,
    limits: {},
    timeouts: { connectMs: 1000, firstTokenMs: 1000, idleMs: 1000, answerMs: 1000, coolDownMs: 30_000 },
    ...changes,
  };
}

function changed(condition: (change: EndpointsChange) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (change: EndpointsChange): void => {
      if (condition(change)) resolve();
    };
    changes.forEach(look);
    onChange = look;
  });
}

const probed = (simulator: Simulator | undefined, times: number): Promise<unknown> =>
  simulator?.controls.until(({ by_path }) => (by_path[HEALTH] ?? 0) >= times) ?? Promise.resolve();

const upOf = (change: EndpointsChange): boolean[] => change.endpoints.map(({ isUp }) => isUp);

function callOf(endpoint: string, changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    kind: 'chat',
    body: { messages: [{ role: 'user', content: 'hi' }] },
    upstreamModel: 'm',
    endpoint,
    credential: null,
    timeouts: provider.timeouts,
    deadlineMs: Date.now() + 5000,
    signal: new AbortController().signal,
    ...changes,
  };
}

const ask = (changes: Partial<ProviderCall> = {}): Promise<unknown> =>
  endpoints.use(provider, (endpoint) => new VllmAdapter(http).execute(callOf(endpoint, changes)));

const chatsOf = (simulator: Simulator | undefined): number =>
  simulator?.controls.seen(0).counters.by_path['/vllm/v1/chat/completions'] ?? 0;

describe('calls', () => {
  test('go to the endpoint with the fewest in flight', async () => {
    await setUp({ settings: { ttft_ms: 300 } }, {});
    const slow = ask();
    await simulators[0]?.controls.until(({ in_flight }) => in_flight === 1);
    await ask();
    await ask();
    await slow;
    expect(simulators.map(chatsOf)).toEqual([1, 2]);
  });

  test('leave an endpoint whose connection is refused at once, and find it again when it is back', async () => {
    await setUp({}, {});
    const [first, second] = simulators;
    const port = first?.port ?? 0;
    await first?.close();
    await expect(ask()).rejects.toMatchObject({ options: { code: 'connection_refused' } });
    for (let i = 0; i < 4; i++) await ask();
    expect(chatsOf(second)).toBe(4);
    simulators[0] = await startSimulator({ port });
    endpoints.start();
    await probed(simulators[0], 2);
    await ask();
    expect(chatsOf(simulators[0])).toBe(1);
  });

  test('that are cancelled say nothing about their endpoint and free it', async () => {
    await setUp({ settings: { ttft_ms: 60_000 } });
    const controller = new AbortController();
    const asking = ask({ signal: controller.signal });
    await simulators[0]?.controls.until(({ in_flight }) => in_flight === 1);
    controller.abort(new Error('cancelled'));
    await expect(asking).rejects.toThrow('cancelled');
    await simulators[0]?.controls.until(({ aborted }) => aborted === 1);
    expect(endpoints.statusOf('local')).toMatchObject([{ isUp: true, inFlight: 0 }]);
  });

  test('of a provider of another type have its one endpoint', async () => {
    await setUp();
    const openai = providerOf(['https://api.openai.com/v1'], { id: 'openai', type: 'openai' });
    expect(endpoints.acquire(openai).endpoint).toBe('https://api.openai.com/v1');
    await expect(endpoints.use(openai, (endpoint) => Promise.resolve(endpoint))).resolves.toBe(openai.endpoints[0]);
    expect(endpoints.statusOf('openai')).toEqual([]);
  });
});

describe('probing', () => {
  test('takes an endpoint out while its health says 503, and back when it is well', async () => {
    await setUp({}, {});
    endpoints.start();
    await probed(simulators[0], 1);
    simulators[0]?.controls.configure({ healthy: false });
    await changed((change) => !upOf(change)[0]);
    for (let i = 0; i < 3; i++) await ask();
    expect(simulators.map(chatsOf)).toEqual([0, 3]);
    simulators[0]?.controls.configure({ healthy: true });
    await changed((change) => upOf(change).every(Boolean));
    await ask();
    expect(simulators.map(chatsOf)).toEqual([1, 3]);
  });

  test('tells only what has changed', async () => {
    await setUp({}, {});
    endpoints.start();
    await probed(simulators[0], 4);
    expect(changes).toEqual([]);
    simulators[1]?.controls.configure({ healthy: false });
    await changed((change) => !upOf(change)[1]);
    await probed(simulators[0], (simulators[0]?.controls.seen(0).counters.by_path[HEALTH] ?? 0) + 4);
    expect(changes.map(upOf)).toEqual([[true, false]]);
  });

  test('ends with stop, even while a server keeps silent, and can begin again', async () => {
    await setUp({});
    const [simulator] = simulators;
    simulator?.controls.arm({ fault: { kind: 'hang' }, match: { endpoint: 'health' }, times: 1 });
    endpoints.start();
    await probed(simulator, 1);
    const stoppedAt = performance.now();
    await endpoints.stop();
    // Its connection is dropped, instead of its two seconds being waited for.
    expect(performance.now() - stoppedAt).toBeLessThan(1000);
    await simulator?.controls.until(({ in_flight }) => in_flight === 0);
    expect(simulator?.controls.seen(0).counters.by_path[HEALTH]).toBe(1);
    expect(endpoints.statusOf('local')).toMatchObject([{ isUp: true }]);
    endpoints.start();
    await probed(simulator, 3);
  });

  test('follows the registry: endpoints that come and go, and providers that are gone', async () => {
    await setUp({}, {});
    const all = provider;
    provider = providerOf(all.endpoints.slice(0, 1));
    endpoints.start();
    await probed(simulators[0], 2);
    expect(endpoints.statusOf('local')).toHaveLength(1);
    provider = all;
    await probed(simulators[1], 1);
    provider = { ...all, enabled: false };
    await probed(simulators[0], 1);
    await endpoints.stop();
    endpoints.start();
    await endpoints.stop();
    expect(endpoints.statusOf('local')).toEqual([]);
  });

  test('goes on without a credential that cannot be read, and a proxy without the route is up', async () => {
    await setUp({});
    endpoints = new VllmEndpoints({
      http,
      providers: () => [provider],
      credentialOf: () => {
        throw new ProviderError('provider_fault', 'locked', { code: 'credential_locked' });
      },
      onChange: (change) => changes.push(change),
      intervalMs: 10,
    });
    simulators[0]?.controls.arm({ fault: { kind: 'status', status: 404 }, match: { endpoint: 'health' } });
    endpoints.start();
    await probed(simulators[0], 2);
    expect(endpoints.statusOf('local')).toMatchObject([{ isUp: true }]);
  });
});

describe('what the servers tell of their models', () => {
  test('is the window that they were started with, the smallest of them', async () => {
    await setUp(
      { models: ['llama'], settings: { max_model_len: 8192 } },
      { models: ['llama'], settings: { max_model_len: 4096 } },
    );
    expect(endpoints.maxModelLen('local', 'llama')).toBeNull();
    endpoints.start();
    await Promise.all(simulators.map((simulator) => probed(simulator, 2)));
    expect([endpoints.maxModelLen('local', 'llama'), endpoints.maxModelLen('local', 'other')]).toEqual([4096, null]);
    const models = ['fast', 'slow'].map((id) => ({ id, provider: 'local', upstreamModel: 'llama' }) as Model);
    const untold = { id: 'untold', provider: 'local', upstreamModel: 'other' } as Model;
    const foreign = { id: 'foreign', provider: 'openai', upstreamModel: 'llama' } as Model;
    expect(Object.fromEntries(endpoints.contextTokensOf([...models, untold, foreign]))).toEqual({
      fast: 4096,
      slow: 4096,
    });
  });

  test('refuses every call when two endpoints serve different models, naming what they serve and no address', async () => {
    await setUp({ models: ['llama'] }, { models: ['qwen'] });
    endpoints.start();
    await changed(({ disagreement }) => disagreement !== null);
    await expect(ask()).rejects.toMatchObject({
      errorClass: 'provider_fault',
      message:
        'The endpoints of provider local serve different models (endpoint 1 serves llama, endpoint 2 serves qwen); each model needs a provider of its own.',
      options: { code: 'endpoints_differ' },
    });
    expect(simulators.map(chatsOf)).toEqual([0, 0]);
    provider = providerOf(provider.endpoints.slice(1));
    expect(endpoints.acquire(provider).endpoint).toBe(provider.endpoints[0]);
  });
});
