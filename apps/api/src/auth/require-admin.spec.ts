import type { Request, Response } from 'express';
import { expect, it } from '@jest/globals';
import { AdminToken } from './admin-token.js';
import { requireAdmin } from './require-admin.js';

const TOKEN = 'sesame:open ö';
const admin = requireAdmin(new AdminToken({ adminToken: TOKEN, stateDir: '' }));

/** What the next handler is called with: undefined lets the request through. */
function judge(authorization?: string): unknown {
  const outcomes: unknown[] = [];
  const request = { headers: { authorization }, query: { token: TOKEN }, url: `/?token=${TOKEN}` };
  admin(request as unknown as Request, {} as Response, (outcome?: unknown) => outcomes.push(outcome));
  expect(outcomes).toHaveLength(1);
  return outcomes[0];
}

const basic = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

it.each([
  ['as Bearer', `Bearer ${TOKEN}`],
  ['as Bearer in lower case', `bearer ${TOKEN}`],
  ['as the password of any user', `Basic ${basic(`somebody:${TOKEN}`)}`],
  ['as the password of nobody', `Basic ${basic(`:${TOKEN}`)}`],
  ['with the scheme in lower case', `basic  ${basic(`u:${TOKEN}`)}`],
])('the token %s opens', (_name, authorization) => expect(judge(authorization)).toBeUndefined());

it.each<[string, string | undefined]>([
  ['nothing, the token in the URL', undefined],
  ['an empty header', ''],
  ['another token', 'Bearer other'],
  ['the beginning of the token', `Bearer ${TOKEN.slice(0, 6)}`],
  ['the token and more', `Bearer ${TOKEN}x`],
  ['the token without a scheme', TOKEN],
  ['another scheme', `Digest ${TOKEN}`],
  ['the token as user name', `Basic ${basic(`${TOKEN}:`)}`],
  ['a password without a user', `Basic ${basic('sesame')}`],
  ['the token as base64 itself', `Basic ${basic(TOKEN)}`],
  ['no base64', 'Basic !!!'],
  ['an empty password', `Basic ${basic('u:')}`],
  ['base64 and more', `Basic ${basic(`u:${TOKEN}`)} more`],
])('%s is refused with a challenge', (_name, authorization) => {
  expect(judge(authorization)).toMatchObject({
    code: 'admin_token_required',
    status: 401,
    options: { headers: { 'www-authenticate': expect.stringMatching(/^Basic realm=/) } },
  });
});
