import { beforeEach, describe, expect, test } from '@jest/globals';
import { EndpointSet, type EndpointOutcome } from './endpoint-set.js';
import type { ProbeReport } from './probe-endpoint.js';
import type { ServedModel } from './read-models.js';

const A = 'http://a/v1';
const B = 'http://b/v1';
const C = 'http://c/v1';

let nowMs: number;
let reports: Record<string, ProbeReport>;
let probes: [string, boolean][];
let set: EndpointSet;

beforeEach(() => {
  nowMs = 0;
  reports = {};
  probes = [];
  set = setOf(A, B);
});

function setOf(...endpoints: string[]): EndpointSet {
  return new EndpointSet({
    endpoints,
    now: () => nowMs,
    probe: (endpoint, { withModels }) => {
      probes.push([endpoint, withModels]);
      return Promise.resolve(reports[endpoint] ?? UP);
    },
  });
}

const UP: ProbeReport = { health: 'up', models: null };
const served = (id: string, maxModelLen: number | null = 8192, isAdapter = false): ServedModel => ({
  id,
  maxModelLen,
  isAdapter,
});
const serving = (...models: ServedModel[]): ProbeReport => ({ health: 'up', models });

function take(times: number): string[] {
  return Array.from({ length: times }, () => set.acquire()?.endpoint ?? '');
}

function use(outcome: EndpointOutcome): string {
  const lease = set.acquire();
  lease?.release(outcome);
  return lease?.endpoint ?? '';
}

describe('the endpoint of a call', () => {
  test('is the one with the fewest calls in flight, and each gets its turn among equals', () => {
    expect(take(4)).toEqual([A, B, A, B]);
    const fresh = setOf(A, B);
    const first = fresh.acquire();
    fresh.acquire();
    first?.release('answered');
    expect([fresh.acquire()?.endpoint, fresh.acquire()?.endpoint]).toEqual([A, B]);
  });

  test('is any of three when nothing is in flight, in turn', () => {
    set = setOf(A, B, C);
    expect([use('answered'), use('answered'), use('answered'), use('answered')]).toEqual([A, B, C, A]);
  });

  test('is released once, however often it is said', () => {
    const lease = set.acquire();
    lease?.release('answered');
    lease?.release('answered');
    expect(set.status.map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });

  test('is none when there are no endpoints', () => {
    expect(setOf().acquire()).toBeUndefined();
  });
});

describe('an endpoint that cannot be reached', () => {
  test('gets no call until a probe finds it up', async () => {
    expect([use('unreachable'), ...take(3)]).toEqual([A, B, B, B]);
    reports[A] = { health: 'down', models: null };
    await set.probe();
    expect(take(1)).toEqual([B]);
    reports[A] = UP;
    await set.probe();
    expect(take(1)).toEqual([A]);
  });

  test('stays down when a probe that began before says that it is up', async () => {
    const answer = Promise.withResolvers<ProbeReport>();
    set = new EndpointSet({ endpoints: [A, B], now: () => nowMs, probe: () => answer.promise });
    const probing = set.probe();
    use('unreachable');
    answer.resolve(UP);
    await probing;
    expect(set.status.map(({ isUp }) => isUp)).toEqual([false, true]);
  });

  test('is tried all the same when no other is up', () => {
    expect([use('unreachable'), use('unreachable'), use('neutral')]).toEqual([A, B, A]);
  });
});

describe('an endpoint that fails', () => {
  test('does not draw the calls that it fails so fast', () => {
    const slow = set.acquire();
    expect(slow?.endpoint).toBe(A);
    const used = Array.from({ length: 20 }, () => {
      const lease = set.acquire();
      if (lease?.endpoint === B) lease.release('failing');
      return lease?.endpoint;
    });
    // Each failure weighs as much as a call in flight, so both get half of what comes.
    expect(used.filter((endpoint) => endpoint === B)).toHaveLength(10);
  });

  test('is as good as the others once it answers', () => {
    use('failing');
    expect(take(1)).toEqual([B]);
    set = setOf(A, B);
    set.acquire()?.release('failing');
    set.update([A]);
    set.acquire()?.release('answered');
    set.update([A, B]);
    expect(take(2).sort()).toEqual([A, B]);
  });

  test('is forgiven half of its failures with each probe that finds it up', async () => {
    set = setOf(A);
    for (let i = 0; i < 5; i++) use('failing');
    set.update([A, B]);
    expect(take(3)).toEqual([B, B, B]);
    await set.probe();
    // Two failures left against three in flight.
    expect(take(1)).toEqual([A]);
  });

  test('is not blamed for what says nothing about it', () => {
    expect([use('neutral'), use('neutral'), use('neutral')]).toEqual([A, B, A]);
  });
});

describe('a probe', () => {
  test('takes an endpoint out and brings it back by itself', async () => {
    reports[A] = { health: 'down', models: null };
    await set.probe();
    expect(take(2)).toEqual([B, B]);
    reports[A] = UP;
    await set.probe();
    expect(take(1)).toEqual([A]);
  });

  test('without an answer in time counts the second time in a row', async () => {
    const up = (): boolean[] => set.status.map(({ isUp }) => isUp);
    reports[A] = { health: 'silent', models: null };
    await set.probe();
    expect(up()).toEqual([true, true]);
    await set.probe();
    expect(up()).toEqual([false, true]);
  });

  test('asks one endpoint once at a time', async () => {
    const answer = Promise.withResolvers<ProbeReport>();
    let asked = 0;
    set = new EndpointSet({
      endpoints: [A],
      now: () => nowMs,
      probe: () => {
        asked++;
        return answer.promise;
      },
    });
    const both = [set.probe(), set.probe()];
    answer.resolve(UP);
    await Promise.all(both);
    expect(asked).toBe(1);
    await set.probe();
    expect(asked).toBe(2);
  });

  test('asks for the models until they are told, after a failure, and every minute', async () => {
    set = setOf(A);
    await set.probe();
    reports[A] = serving(served('m'));
    await set.probe();
    reports[A] = UP;
    await set.probe();
    nowMs = 60_000;
    await set.probe();
    use('unreachable');
    await set.probe();
    expect(probes.map(([, withModels]) => withModels)).toEqual([true, true, false, true, true]);
  });
});

describe('what the endpoints serve', () => {
  test('has the smallest window of them all', async () => {
    reports = { [A]: serving(served('m', 8192)), [B]: serving(served('m', 4096)) };
    expect(set.maxModelLen('m')).toBeNull();
    await set.probe();
    expect([set.maxModelLen('m'), set.maxModelLen('other')]).toEqual([4096, null]);
  });

  test('must be the same, and what differs is said', async () => {
    reports = { [A]: serving(served('llama')), [B]: serving(served('qwen')) };
    expect(set.disagreement).toBeNull();
    await set.probe();
    expect(set.disagreement).toBe('endpoint 1 serves llama, endpoint 2 serves qwen');
    set.update([A]);
    expect(set.disagreement).toBeNull();
  });

  test('may differ in adapters, and in what an endpoint has not told yet', async () => {
    reports = { [A]: serving(served('llama'), served('my-lora', 8192, true)), [B]: serving(served('llama')), [C]: UP };
    set = setOf(A, B, C);
    await set.probe();
    expect(set.disagreement).toBeNull();
  });
});

test('an endpoint that stays in the list keeps its calls and its state', () => {
  use('unreachable');
  set.acquire();
  set.update([B, A, C]);
  expect(set.status.map(({ endpoint, isUp, inFlight }) => [endpoint, isUp, inFlight])).toEqual([
    [B, true, 1],
    [A, false, 0],
    [C, true, 0],
  ]);
});
