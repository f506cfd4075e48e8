import { describeAdapterContract } from '../adapter-contract.js';
import { readFixture } from './fixtures/read-fixture.js';
import { VllmAdapter } from './vllm-adapter.js';

interface Messages {
  messages: { content: { image_url: { url: string } }[] }[];
}

const errorEvent = (code: number, type: string, message = 'x'): string =>
  `data: ${JSON.stringify({ error: { message, type, param: null, code } })}\n\ndata: [DONE]\n\n`;

describeAdapterContract({
  name: 'vLLM',
  create: (http) => new VllmAdapter(http),
  fixture: readFixture,
  streamErrors: [
    { event: errorEvent(500, 'InternalServerError', 'EngineCore died'), errorClass: 'transient' },
    { event: errorEvent(429, 'Too Many Requests'), errorClass: 'rate_limited' },
    { event: errorEvent(404, 'NotFoundError', 'The model `x` does not exist.'), errorClass: 'provider_fault' },
    { event: errorEvent(400, 'BadRequestError'), errorClass: 'invalid_request' },
    {
      event: errorEvent(400, 'BadRequestError', "This model's maximum context length is 8 tokens."),
      errorClass: 'context_overflow',
    },
  ],
  imagesOf: (body) =>
    (body as unknown as Messages).messages.flatMap(({ content }) => content.map((part) => part.image_url.url)),
  credentialHeader: { name: 'authorization', value: (credential) => `Bearer ${credential}` },
  rateLimits: {
    headers: {
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '12ms',
    },
    reading: [{ unit: 'requests', limit: 100, remaining: 0, resetMs: 12 }],
  },
});
