import { validateHeaderValue } from 'node:http';
import { expect, it } from '@jest/globals';
import type { EndNotice } from '#jobs/notices.js';
import { answerHeaders, headerText } from './answer-headers.js';

const notice: EndNotice = {
  state: 'completed',
  model: 'm',
  provider: 'p',
  costNano: 1_230_000,
  attempts: 2,
  dropped: '',
  body: null,
};

it('an answer says what answered, after how many attempts and for how much', () => {
  expect(answerHeaders('job_1', notice)).toStrictEqual({
    'x-tokenhub-job-id': 'job_1',
    'x-tokenhub-model': 'm',
    'x-tokenhub-provider': 'p',
    'x-tokenhub-attempts': '2',
    'x-tokenhub-cost-usd': '0.00123',
  });
});

it('fields that the vendor has nothing for are named in a warning', () => {
  expect(answerHeaders('job_1', { ...notice, dropped: 'logprobs, seed' })).toMatchObject({
    'x-tokenhub-warning': 'dropped: logprobs, seed',
  });
});

it('what is not known is empty', () => {
  expect(answerHeaders('job_1', { ...notice, model: null, provider: null, costNano: 0, attempts: 0 })).toMatchObject({
    'x-tokenhub-model': '',
    'x-tokenhub-provider': '',
    'x-tokenhub-cost-usd': '0',
  });
});

it.each<[string | null, string]>([
  [null, ''],
  ['org/llama3:8b (new)', 'org/llama3:8b (new)'],
  ['größe', 'gr%C3%B6%C3%9Fe'],
  ['a\r\nset-cookie: x', 'a%0D%0Aset-cookie: x'],
  ['tab\there', 'tab%09here'],
  ['llama🦙', 'llama%F0%9F%A6%99'],
  ['half \ud83e', 'half %EF%BF%BD'],
])('%j is written as %s, which a header takes', (value, text) => {
  expect(headerText(value)).toBe(text);
  expect(() => validateHeaderValue('x', headerText(value))).not.toThrow();
});
