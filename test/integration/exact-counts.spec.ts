import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { CredentialSource, Provider } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { secretNames } from '#platform/config/config.js';
import type { Doubt } from '#routing/find-doubts.js';
import { waitFor } from '#testing/wait-for.js';
import { ExactCounts } from '#planner/exact-counts.js';
import { startSimulator, type Simulator } from '../../apps/simulator/src/simulator.js';
import { model, provider } from './support/registry-content.js';

const body = { messages: [{ role: 'user', content: 'four' }] };
const chat = { kind: 'chat' as const, body };

let http: HttpClient;
let simulator: Simulator;
let errors: unknown[];
let counts: ExactCounts;

beforeEach(async () => {
  http = new HttpClient();
  simulator = await startSimulator({ settings: { max_model_len: 4096 } });
  errors = [];
  counts = new ExactCounts({
    http,
    stores: { env: { KEY: 'secret-1' }, configSecrets: new Map([[secretNames.provider('file'), 'secret-2']]) },
    onError: (error) => errors.push(error),
  });
});

afterEach(async () => {
  await simulator.close();
  await http.close();
});

const server = (id: string, credential: CredentialSource = { source: 'none' }): Provider =>
  provider(id, { type: 'vllm', endpoints: [`${simulator.url}/vllm/v1`, 'http://127.0.0.1:1/v1'], credential });
const doubt = (id: string, from = server('local')): Doubt => ({ model: model(id), provider: from });
const askedFor = (): (string | null)[] => simulator.controls.seen().requests.map((request) => request.model);

it('the first two servers are asked at the same time, for the upstream model, and tell count and window', async () => {
  simulator.controls.arm({ fault: { kind: 'hang' } });
  const asking = counts.ask(
    ['a', 'b', 'c'].map((id) => doubt(id)),
    body,
  );
  await waitFor(() => simulator.controls.seen().counters.in_flight === 2, { describe: 'both questions' });
  expect((await asking).size).toBe(0);
  expect(askedFor().sort()).toEqual(['upstream-a', 'upstream-b']);
  expect(errors).toHaveLength(2);
  simulator.controls.reset();
  expect(await counts.ask([doubt('a'), doubt('b')], body)).toEqual(
    new Map(['a', 'b'].map((id) => [id, { tokens: 1, maxModelLen: 4096 }])),
  );
});

it('one that fails takes nothing from the other', async () => {
  simulator.controls.arm({ fault: { kind: 'status', status: 500 }, match: { model: 'upstream-a' } });
  expect([...(await counts.ask([doubt('a'), doubt('b')], body)).keys()]).toEqual(['b']);
  expect(errors).toMatchObject([{ errorClass: 'transient' }]);
});

it.each<[string, CredentialSource, boolean]>([
  ['open', { source: 'none' }, true],
  ['env', { source: 'env', name: 'KEY' }, true],
  ['file', { source: 'config' }, true],
  ['lost', { source: 'env', name: 'NO_KEY' }, false],
  ['vault', { source: 'escrow', name: 'x' }, false],
])('a server is asked when this process can read its key, with it: %s', async (id, credential, readable) => {
  const from = server(id, credential);
  expect(counts.canAsk(from, chat)).toBe(readable);
  if (!readable) return;
  await counts.ask([doubt('a', from)], body);
  expect(simulator.controls.seen().requests).toMatchObject([{ authorization: credential.source !== 'none' }]);
});

it('no other vendor is asked, and nobody about what a server cannot count', () => {
  expect(counts.canAsk({ ...server('x'), type: 'openai' }, chat)).toBe(false);
  expect(counts.canAsk(server('x'), { kind: 'embedding', body: { input: 'four' } })).toBe(false);
});
