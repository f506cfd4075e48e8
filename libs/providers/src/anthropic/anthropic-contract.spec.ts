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
});
