import { expect, it } from '@jest/globals';
import { readApproval } from './read-approval.js';

it.each([
  'APPROVED',
  'approved',
  'Approved.',
  '  APPROVED  ',
  '**APPROVED**',
  '**APPROVED.**',
  '**APPROVED**.',
  '`APPROVED`',
  '_Approved_',
  '__`APPROVED`__\n\n',
  'APPROVED\r\n',
])('takes %j as the last line for an approval', (line) => {
  expect(readApproval(line)).toEqual({ approved: true, critique: '' });
  expect(readApproval(`Nothing to change.\n\n${line}`)).toEqual({ approved: true, critique: 'Nothing to change.' });
});

it.each([
  'NOT APPROVED',
  'Not yet approved.',
  'APPROVED: no',
  'APPROVED?',
  'APPROVED!!',
  'APPROVED with changes',
  'I would say APPROVED',
  '> APPROVED',
  '"APPROVED"',
  '# APPROVED',
  'UNAPPROVED',
  'DISAPPROVED',
  'APPROVED\nexcept for the sum.',
  'APPROVED\n```',
  '[APPROVED]',
  '',
  '\n',
])('does not take %j for one, and keeps every word of it', (text) => {
  expect(readApproval(text)).toEqual({ approved: false, critique: text });
  expect(readApproval(`The draft says:\n${text}`).approved).toBe(false);
});
