import { describe, expect, it } from '@jest/globals';
import { FaultBook } from './fault-book.js';
import type { RequestMatch, RequestTraits } from './request-match.js';

const CHAT: RequestTraits = {
  model: 'a',
  path: '/v1/chat/completions',
  endpoint: 'chat',
  body: { messages: [{ role: 'user', content: 'hello there' }] },
};

describe('FaultBook', () => {
  it.each<[string, RequestMatch | undefined, boolean]>([
    ['no match', undefined, true],
    ['its model', { model: 'a' }, true],
    ['another model', { model: 'b' }, false],
    ['its endpoint', { endpoint: 'chat' }, true],
    ['another endpoint', { endpoint: 'embedding' }, false],
    ['its path', { path: '/v1/chat/completions' }, true],
    ['model and another path', { model: 'a', path: '/v1/completions' }, false],
    ['a piece of what was said', { last_user: 'lo th' }, true],
    ['words that were not said', { last_user: 'goodbye' }, false],
  ])('a fault with %s strikes: %#', (_, match, strikes) => {
    const book = new FaultBook();
    book.arm({ fault: { kind: 'reset' }, match });
    expect(book.take(CHAT) !== null).toBe(strikes);
  });

  it('strikes exactly as many times as armed, and misses do not count', () => {
    const book = new FaultBook();
    book.arm({ fault: { kind: 'reset' }, match: { model: 'a' }, times: 2 });
    const struck = ['a', 'b', 'a', 'a'].map((model) => book.take({ ...CHAT, model })?.kind ?? null);
    expect(struck).toEqual(['reset', null, 'reset', null]);
    expect(book.list()).toEqual([]);
  });

  it('strikes until its time is over', () => {
    let now = 1000;
    const book = new FaultBook(() => now);
    book.arm({ fault: { kind: 'hang' }, for_ms: 50 });
    expect(book.take(CHAT)).toEqual({ kind: 'hang' });
    now = 1049;
    expect(book.take(CHAT)).toEqual({ kind: 'hang' });
    now = 1050;
    expect(book.take(CHAT)).toBeNull();
  });

  it('leaves requests out of what shuts the port, for as long as it is shut', () => {
    let now = 1000;
    const book = new FaultBook(() => now);
    expect(book.refusingForMs()).toBe(0);
    book.arm({ fault: { kind: 'refused' }, for_ms: 50 });
    const second = book.arm({ fault: { kind: 'refused' }, for_ms: 80 });
    book.arm({ fault: { kind: 'reset' }, for_ms: 500 });
    expect([book.refusingForMs(), book.take(CHAT)]).toEqual([80, { kind: 'reset' }]);
    now = 1060;
    expect(book.refusingForMs()).toBe(20);
    book.clear(second);
    expect(book.refusingForMs()).toBe(0);
    book.arm({ fault: { kind: 'refused' } });
    expect(book.refusingForMs()).toBe(Infinity);
  });

  it('goes by the order of arming and clears one or all', () => {
    const book = new FaultBook();
    const first = book.arm({ fault: { kind: 'reset' } });
    book.arm({ fault: { kind: 'hang' } });
    expect(book.take(CHAT)?.kind).toBe('reset');
    expect(book.clear(first)).toBe(1);
    expect(book.take(CHAT)?.kind).toBe('hang');
    expect(book.clear()).toBe(1);
    expect(book.take(CHAT)).toBeNull();
  });
});
