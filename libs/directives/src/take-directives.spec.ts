import { expect, it } from '@jest/globals';
import { takeDirectives } from './take-directives.js';

it('a body without directives is handed on as it is', () => {
  const body = { messages: [{ role: 'user', content: 'hi' }] };
  const taken = takeDirectives('chat', body);
  expect(taken.body).toBe(body);
  expect(taken.directives).toStrictEqual({});
});

it('directives are read before they are gone', () => {
  const messages = [
    { role: 'user', content: '@@tokenhub nonsense\nfirst' },
    { role: 'user', content: '@@tokenhub mode=cheap\nlast' },
  ];
  expect(takeDirectives('chat', { messages })).toStrictEqual({
    body: {
      messages: [
        { role: 'user', content: 'first' },
        { role: 'user', content: 'last' },
      ],
    },
    directives: { mode: 'cheap' },
  });
});

it('embeddings are stripped, and obey nothing', () => {
  expect(takeDirectives('embedding', { input: ['@@tokenhub nonsense\na'] })).toStrictEqual({
    body: { input: ['a'] },
    directives: {},
  });
});
