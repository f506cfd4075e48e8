import { expect, it } from '@jest/globals';
import type { JobType } from '#contracts/job-state.js';
import { artifactsOf, responseBodyOf } from './response-body.js';

const completion = '{"id":"chatcmpl-1","choices":[]}';

it.each<[JobType]>([['chat'], ['completion'], ['embedding']])(
  'the result of a %s is its answer, byte for byte',
  (type) => {
    const spaced = '{ "id": "chatcmpl-1", "response": {} }';
    expect(responseBodyOf(type, spaced)).toBe(spaced);
  },
);

it('the answer of an orchestration is the completion of its final text; the rest are its artifacts', () => {
  const result = `{"mode":"planning","plan":"first dig","response":${completion}}`;
  expect(responseBodyOf('orchestration', result)).toBe(completion);
  expect(artifactsOf(result)).toStrictEqual({ mode: 'planning', plan: 'first dig' });
});
