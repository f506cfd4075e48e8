import type { JsonObject } from '#contracts/json.js';
import { describeAdapterContract } from '../adapter-contract.js';
import { readFixture } from './fixtures/read-fixture.js';
import { OpenAiAdapter } from './openai-adapter.js';

interface Messages {
  messages: { content: { image_url: { url: string } }[] }[];
}

const errorEvent = (error: JsonObject): string => `data: ${JSON.stringify({ error })}\n\n`;

describeAdapterContract({
  name: 'OpenAI',
  create: (http) => new OpenAiAdapter(http),
  fixture: readFixture,
  streamErrors: [
    { event: errorEvent({ message: 'x', type: 'server_error' }), errorClass: 'transient' },
    { event: errorEvent({ message: 'x', code: 'rate_limit_exceeded' }), errorClass: 'rate_limited' },
    { event: errorEvent({ message: 'x', type: 'insufficient_quota' }), errorClass: 'provider_fault' },
    { event: errorEvent({ message: 'x', type: 'invalid_request_error' }), errorClass: 'invalid_request' },
  ],
  imagesOf: (body) =>
    (body as unknown as Messages).messages.flatMap(({ content }) => content.map((part) => part.image_url.url)),
  credentialHeader: { name: 'authorization', value: (credential) => `Bearer ${credential}` },
  rateLimits: {
    headers: {
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6m0s',
    },
    reading: [
      { unit: 'requests', limit: 60, remaining: 59, resetMs: 1000 },
      { unit: 'tokens', limit: 150_000, remaining: 149_984, resetMs: 360_000 },
    ],
  },
});
