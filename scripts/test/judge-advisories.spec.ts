import { expect, it } from '@jest/globals';
import { judgeAdvisories } from './judge-advisories.ts';

const report = (...found: [name: string, severity: string][]): string =>
  JSON.stringify({
    auditReportVersion: 2,
    vulnerabilities: Object.fromEntries(found.map(([name, severity]) => [name, { name, severity, range: '<2.0.0' }])),
  });

it('a dependency with a high or critical advisory fails the check and is named', () => {
  expect(judgeAdvisories(report(['a', 'high'], ['b', 'low'], ['c', 'critical'], ['d', 'moderate']))).toEqual({
    outcome: 'failed',
    lines: ['high: a <2.0.0', 'critical: c <2.0.0'],
  });
});

it('lesser advisories, and none, pass', () => {
  expect(judgeAdvisories(report(['b', 'low'], ['d', 'moderate'], ['e', 'info'])).outcome).toBe('ok');
  expect(judgeAdvisories(report()).outcome).toBe('ok');
});

it.each([
  ['a mirror without advisories', { statusCode: 405, message: '405 Method Not Allowed - POST …' }],
  ['a mirror that has no such page', { statusCode: 404, message: '404 Not Found' }],
  ['too many that ask', { statusCode: 429, message: '429 Too Many Requests' }],
  ['a registry that is down', { statusCode: 503, message: '503 Service Unavailable' }],
  ['no network', { message: 'request to … failed, reason: getaddrinfo ENOTFOUND', error: { summary: '' } }],
  ['no route', { error: { code: 'ECONNREFUSED', summary: 'connect ECONNREFUSED' } }],
])('%s: not checked, and said so', (_what, answer) => {
  const { outcome, lines } = judgeAdvisories(JSON.stringify(answer));
  expect(outcome).toBe('not checked');
  expect(lines).toHaveLength(1);
});

it.each([
  [
    'no lock file',
    JSON.stringify({ error: { code: 'ENOLOCK', summary: 'This command requires an existing lockfile.' } }),
  ],
  ['a question that it does not understand', JSON.stringify({ statusCode: 400, message: '400 Bad Request' })],
  ['a token that it does not take', JSON.stringify({ statusCode: 401, message: '401 Unauthorized ETIMEDOUT' })],
  ['a door that is shut for us', JSON.stringify({ statusCode: 403, message: '403 Forbidden' })],
  ['no JSON', 'npm: command not found'],
  ['nothing', ''],
  ['a number', '7'],
])('%s is a broken check, which fails', (_what, output) => {
  expect(judgeAdvisories(output).outcome).toBe('failed');
});
