import { expect, test } from '@jest/globals';
import { redact } from './redact.js';

test.each<[string, string | null, string]>([
  ['Incorrect API key provided: sk-proj-abc*********wxyz.', null, 'Incorrect API key provided: [redacted]'],
  ['Incorrect API key provided: sk-…abcd', null, 'Incorrect API key provided: [redacted]'],
  ['bad key th_0123456789abcdef here', null, 'bad key [redacted] here'],
  ['got header "Authorization: Bearer abc.def"', null, 'got header "Authorization: [redacted]"'],
  ['the key hunter2 and again hunter2', 'hunter2', 'the key [redacted] and again [redacted]'],
  ['a task-force took the risk-averse path', null, 'a task-force took the risk-averse path'],
  ['no credential', '', 'no credential'],
])('%s', (text, credential, expected) => {
  expect(redact(text, credential)).toBe(expected);
});

test('a message is cut, and a key at the cut is gone all the same', () => {
  expect(redact(`${'x '.repeat(995)}sk-${'a'.repeat(100)}`, null)).not.toContain('sk-');
  expect(redact('x'.repeat(5000), null)).toHaveLength(2000);
});
