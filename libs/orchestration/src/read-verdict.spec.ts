import { expect, it } from '@jest/globals';
import type { Verdict } from '#contracts/orchestration.js';
import { readVerdict } from './read-verdict.js';

// The second of four failed, so that letters and numbers differ.
const candidates = ['candidate-1', 'candidate-3', 'candidate-4'];
const chosen = (id: string, reason = 'A is long.'): Verdict => ({ kind: 'chosen', named: [id], reason });
const tie = (...named: string[]): Verdict => ({ kind: 'tie', named, reason: 'A is long.' });

it.each<[string, Verdict]>([
  ['VERDICT: A', chosen('candidate-1')],
  ['VERDICT: B', chosen('candidate-3')],
  ['verdict: c', chosen('candidate-4')],
  ['  VERDICT :B.  ', chosen('candidate-3')],
  ['**VERDICT: B**', chosen('candidate-3')],
  ['**VERDICT:** `B`.', chosen('candidate-3')],
  ['VERDICT: B\r\n\r\n', chosen('candidate-3')],
  ['VERDICT: B\nThank you.\nGood bye.', chosen('candidate-3')],
  ['VERDICT: TIE A, C', tie('candidate-1', 'candidate-4')],
  ['Verdict: tie c,a.', tie('candidate-4', 'candidate-1')],
  ['VERDICT: TIE C and A', tie('candidate-4', 'candidate-1')],
  ['VERDICT: TIE A, B, and C', tie(...candidates)],
  ['VERDICT: TIE A, B, A', tie('candidate-1', 'candidate-3')],
])('reads %j', (line, verdict) => {
  expect(readVerdict(`A is long.\n\n${line}`, candidates)).toEqual(verdict);
});

it('takes a verdict without reasons', () => {
  expect(readVerdict('VERDICT: A', candidates)).toEqual(chosen('candidate-1', ''));
});

it('takes the last of contradictory lines, and the earlier ones for reasons', () => {
  const text = 'VERDICT: A\nNo, B is better.\nVERDICT: B';
  expect(readVerdict(text, candidates)).toEqual(chosen('candidate-3', 'VERDICT: A\nNo, B is better.'));
});

it.each([
  ['says nothing', ''],
  ['has no verdict line', 'B is the best.'],
  ['names a letter that no candidate has', 'VERDICT: D'],
  ['names no letter', 'VERDICT:'],
  ['names a candidate by its number', 'VERDICT: 1'],
  ['names two without a tie', 'VERDICT: A, B'],
  ['ties one', 'VERDICT: TIE A'],
  ['ties one with itself', 'VERDICT: TIE A, A'],
  ['ties nobody', 'VERDICT: TIE'],
  ['ties with a letter that no candidate has', 'VERDICT: TIE A, D'],
  ['says a sentence instead', 'VERDICT: a tie between A and B'],
  ['says it inside a sentence', 'My VERDICT: A'],
  ['quotes a verdict', '> VERDICT: A'],
  ['ends in JSON', '{"verdict": "B"}'],
  ['goes on for three lines after it', 'VERDICT: A\none\ntwo\nthree'],
  ['takes back a good verdict with one that cannot be read', 'VERDICT: A\nVERDICT: Z'],
])('cannot read what %s', (_name, text) => {
  expect(readVerdict(text, candidates)).toBeNull();
});
