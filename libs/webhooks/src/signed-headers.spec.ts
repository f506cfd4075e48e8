import { createHmac } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { OpenAI } from 'openai';
import { Webhook } from 'standardwebhooks';
import { signedHeaders } from './send-webhook.js';

const BYTES = Buffer.alloc(32, 7);
const secret = `whsec_${BYTES.toString('base64')}`;
const body = '{"id":"evt_1","object":"event","type":"job.completed","data":{"text":"größe 🦙"}}';
const now = Date.now();
const headers = signedHeaders({ id: 'evt_1', body, secrets: [secret], now });
const verifiers: [string, (body: string, headers: Record<string, string>, secret: string) => unknown][] = [
  ['standardwebhooks', (raw, given, key) => new Webhook(key).verify(raw, given)],
  ['the OpenAI SDK', (raw, given, key) => new OpenAI({ apiKey: 'unused' }).webhooks.unwrap(raw, given, key)],
];

it('the headers are those of Standard Webhooks 1.0, the time this try’s in seconds', () => {
  const time = String(Math.floor(now / 1_000));
  const signature = createHmac('sha256', BYTES).update(`evt_1.${time}.${body}`).digest('base64');
  expect(headers).toEqual({
    'content-type': 'application/json',
    'user-agent': 'tokenhub-webhooks',
    'webhook-id': 'evt_1',
    'webhook-timestamp': time,
    'webhook-signature': `v1,${signature}`,
  });
});

it.each(verifiers)('%s accepts it, and nothing that was changed', async (_name, verify) => {
  expect(await verify(body, headers, secret)).toEqual(JSON.parse(body));
  const wrong: [string, Record<string, string>, string][] = [
    [body.replace('completed', 'failed'), headers, secret],
    [body, { ...headers, 'webhook-id': 'evt_2' }, secret],
    [body, { ...headers, 'webhook-timestamp': String(Math.floor(now / 1_000) - 1) }, secret],
    [body, headers, `whsec_${Buffer.alloc(32, 8).toString('base64')}`],
    [body, signedHeaders({ id: 'evt_1', body, secrets: [secret], now: now - 301_000 }), secret],
  ];
  for (const [raw, given, key] of wrong) {
    await expect(Promise.resolve().then(() => verify(raw, given, key))).rejects.toThrow();
  }
});

it.each(verifiers)('with two secrets %s accepts it with either, and with no third', async (_name, verify) => {
  const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
  const both = signedHeaders({ id: 'evt_1', body, secrets: [other, secret], now });
  expect(both['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
  for (const key of [secret, other]) expect(await verify(body, both, key)).toEqual(JSON.parse(body));
  const third = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  await expect(Promise.resolve().then(() => verify(body, both, third))).rejects.toThrow();
});
