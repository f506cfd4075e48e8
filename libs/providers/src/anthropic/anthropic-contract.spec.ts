import { describeAdapterContract } from '../adapter-contract.js';
import { AnthropicAdapter } from './anthropic-adapter.js';
import { readFixture } from './fixtures/read-fixture.js';

interface Source {
  type: string;
  media_type: string;
  data: string;
  url: string;
}

interface Messages {
  messages: { content: { source: Source }[] }[];
}

const errorEvent = (type: string, message = 'x'): string =>
  `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message } })}\n\n`;

describeAdapterContract({
  name: 'Anthropic',
  create: (http) => new AnthropicAdapter(http),
  fixture: readFixture,
  streamErrors: [
    { event: errorEvent('api_error'), errorClass: 'transient' },
    { event: errorEvent('timeout_error'), errorClass: 'transient' },
    { event: errorEvent('overloaded_error', 'Overloaded'), errorClass: 'rate_limited' },
    { event: errorEvent('rate_limit_error'), errorClass: 'rate_limited' },
    { event: errorEvent('authentication_error'), errorClass: 'provider_fault' },
    { event: errorEvent('invalid_request_error'), errorClass: 'invalid_request' },
    {
      event: errorEvent('invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum'),
      errorClass: 'context_overflow',
    },
  ],
  imagesOf: (body) =>
    (body as unknown as Messages).messages.flatMap(({ content }) =>
      content.map(({ source }) =>
        source.type === 'url' ? source.url : `data:${source.media_type};${source.type},${source.data}`,
      ),
    ),
  credentialHeader: { name: 'x-api-key', value: (credential) => credential },
  rateLimits: {
    headers: {
      date: 'Sun, 22 Nov 2026 12:00:00 GMT',
      'anthropic-ratelimit-requests-limit': '50',
      'anthropic-ratelimit-requests-remaining': '49',
      'anthropic-ratelimit-requests-reset': '2026-11-22T12:00:01Z',
      'anthropic-ratelimit-tokens-limit': '48000',
      'anthropic-ratelimit-tokens-remaining': '47000',
      'anthropic-ratelimit-tokens-reset': '2026-11-22T12:00:02Z',
      'anthropic-ratelimit-input-tokens-limit': '40000',
      'anthropic-ratelimit-input-tokens-remaining': '39000',
      'anthropic-ratelimit-input-tokens-reset': '2026-11-22T12:00:03Z',
      'anthropic-ratelimit-output-tokens-limit': '8000',
      'anthropic-ratelimit-output-tokens-remaining': '8000',
      'anthropic-ratelimit-output-tokens-reset': '2026-11-22T12:00:00Z',
    },
    reading: [
      { unit: 'requests', limit: 50, remaining: 49, resetMs: 1000 },
      { unit: 'tokens', limit: 48_000, remaining: 47_000, resetMs: 2000 },
      { unit: 'input_tokens', limit: 40_000, remaining: 39_000, resetMs: 3000 },
      { unit: 'output_tokens', limit: 8000, remaining: 8000, resetMs: 0 },
    ],
  },
});
