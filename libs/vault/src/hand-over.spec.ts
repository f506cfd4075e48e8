import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DataKeys } from './data-keys.js';
import { HAND_OVER_MS, HandOver, type HandOverFault } from './hand-over.js';
import { newBoxKeyPair, sealBox, sealedBoxesReady } from './sealed-box.js';

const EPOCH = 1_790_000_000_000;
const SECRET = randomBytes(32);
const keys = DataKeys.first().withNext();

beforeAll(sealedBoxesReady);

let now = 1_000_000;
const processOf = (processId: string, clusterSecret = SECRET): HandOver =>
  new HandOver({ processId, pair: newBoxKeyPair(), clusterSecret }, () => now);

interface Pair {
  worker: HandOver;
  holder: HandOver;
  /** The holder's answer to a request, by default the worker's newest. */
  answer: (request?: string, said?: { process?: string; epoch?: number }) => string;
}

function pair(holderSecret = SECRET): Pair {
  const [worker, holder] = [processOf('worker-1'), processOf('api-1', holderSecret)];
  return {
    ...{ worker, holder },
    answer: (request = worker.ask(EPOCH), said = {}) =>
      holder.answer(request, { process: 'worker-1', epoch: EPOCH, keys, ...said }),
  };
}

/** The text with these fields changed and its MAC as it was. */
const forged = (text: string, change: object): string => JSON.stringify({ ...(JSON.parse(text) as object), ...change });
const refused = (fault: HandOverFault, kind: 'ask' | 'answer'): unknown => expect.objectContaining({ fault, kind });

it('who asks is given the data keys, which are nowhere in clear on the way', () => {
  const { worker, answer } = pair();
  const text = answer();
  for (const { key } of keys.all()) {
    for (const form of ['base64', 'base64url', 'hex'] as const) expect(text).not.toContain(key.toString(form));
  }
  expect(worker.accept(text, EPOCH).all()).toStrictEqual(keys.all());
});

describe('a request', () => {
  it.each<[string, HandOverFault, (pair: Pair) => unknown]>([
    [
      'of a process with another cluster secret',
      'mac',
      ({ answer }) => answer(processOf('worker-1', randomBytes(32)).ask(EPOCH)),
    ],
    [
      'with another public key',
      'mac',
      ({ worker, answer }) =>
        answer(forged(worker.ask(EPOCH), { publicKey: Buffer.from(newBoxKeyPair().publicKey).toString('base64url') })),
    ],
    ['with another epoch', 'mac', ({ worker, answer }) => answer(forged(worker.ask(EPOCH - 1), { epoch: EPOCH }))],
    [
      'with a later expiry',
      'mac',
      ({ worker, answer }) => answer(forged(worker.ask(EPOCH), { expiresMs: now + 20_000 })),
    ],
    ['with a nonce of its own', 'mac', ({ worker, answer }) => answer(forged(worker.ask(EPOCH), { nonce: 'x' }))],
    [
      'in the place of another process',
      'process',
      ({ worker, answer }) => answer(worker.ask(EPOCH), { process: 'worker-2' }),
    ],
    ['of another epoch', 'epoch', ({ worker, answer }) => answer(worker.ask(EPOCH - 1))],
    ['that is no JSON', 'malformed', ({ answer }) => answer('{')],
    ['that lacks a field', 'malformed', ({ answer }) => answer('{"process":"worker-1"}')],
    ['that is an answer', 'malformed', ({ answer }) => answer(answer())],
  ])('%s is refused', (_what, fault, ask) => {
    expect(() => ask(pair())).toThrow(refused(fault, 'ask'));
  });

  it('is answered once by a process: a repetition of it is refused', () => {
    const { worker, answer } = pair();
    const request = worker.ask(EPOCH);
    answer(request);
    expect(() => answer(request)).toThrow(refused('replayed', 'ask'));
  });

  it('is of no use once it has expired', () => {
    const { worker, answer } = pair();
    const request = worker.ask(EPOCH);
    now += HAND_OVER_MS;
    expect(() => answer(request)).toThrow(refused('expired', 'ask'));
  });

  it('that claims to count for an hour is refused, right MAC or not', () => {
    const { worker, answer } = pair();
    now += 3_600_000;
    const request = worker.ask(EPOCH);
    now -= 3_600_000;
    expect(() => answer(request)).toThrow(refused('expired', 'ask'));
  });

  it('whose public key is none is refused', () => {
    const broken = new HandOver(
      { processId: 'worker-1', pair: { ...newBoxKeyPair(), publicKey: new Uint8Array(3) }, clusterSecret: SECRET },
      () => now,
    );
    expect(() => pair().answer(broken.ask(EPOCH))).toThrow(refused('box', 'ask'));
  });
});

describe('an answer', () => {
  it.each<[string, HandOverFault, (pair: Pair) => string]>([
    [
      'of a process with another cluster secret',
      'mac',
      () => {
        const stranger = processOf('worker-1', Buffer.alloc(32, 1));
        return processOf('api-9', Buffer.alloc(32, 1)).answer(stranger.ask(EPOCH), {
          process: 'worker-1',
          epoch: EPOCH,
          keys,
        });
      },
    ],
    [
      'with another box',
      'mac',
      ({ answer }) =>
        forged(answer(), {
          box: Buffer.from(sealBox(randomBytes(36), newBoxKeyPair().publicKey)).toString('base64url'),
        }),
    ],
    ['whose MAC is empty', 'mac', ({ answer }) => forged(answer(), { mac: '' })],
    ['that is a request', 'malformed', ({ worker }) => worker.ask(EPOCH)],
    ['that is no JSON', 'malformed', () => 'nonsense'],
  ])('%s is refused', (_what, fault, forge) => {
    const both = pair();
    const text = forge(both);
    expect(() => both.worker.accept(text, EPOCH)).toThrow(refused(fault, 'answer'));
  });

  it('for another process is refused', () => {
    const { worker, answer } = pair();
    const text = answer();
    const other = processOf('worker-2');
    other.ask(EPOCH);
    expect(() => other.accept(text, EPOCH)).toThrow(refused('process', 'answer'));
    expect(worker.accept(text, EPOCH).active.version).toBe(2);
  });

  it('for a process of the same name and another key is refused', () => {
    const text = pair().answer();
    const again = processOf('worker-1');
    again.ask(EPOCH);
    expect(() => again.accept(text, EPOCH)).toThrow(refused('process', 'answer'));
  });

  it('of another epoch is refused', () => {
    const { worker, answer } = pair();
    expect(() => worker.accept(answer(), EPOCH + 1)).toThrow(refused('epoch', 'answer'));
  });

  it('counts once, and only to the newest request', () => {
    const { worker, answer } = pair();
    const first = answer();
    const second = answer();
    expect(() => worker.accept(first, EPOCH)).toThrow(refused('replayed', 'answer'));
    worker.accept(second, EPOCH);
    expect(() => worker.accept(second, EPOCH)).toThrow(refused('replayed', 'answer'));
  });

  it('that comes too late is refused', () => {
    const { worker, answer } = pair();
    const text = answer();
    now += HAND_OVER_MS;
    expect(() => worker.accept(text, EPOCH)).toThrow(refused('expired', 'answer'));
  });

  it('of a holder with another cluster secret never comes: it believes no request', () => {
    expect(() => pair(randomBytes(32)).answer()).toThrow(refused('mac', 'ask'));
  });
});
