import { afterAll, expect, test } from '@jest/globals';
import { HttpClient } from '#http/http-client.js';
import { adapterFor } from './adapters.js';
import { AnthropicAdapter } from './anthropic/anthropic-adapter.js';
import { OpenAiAdapter } from './openai/openai-adapter.js';
import { VllmAdapter } from './vllm/vllm-adapter.js';

const http = new HttpClient();
afterAll(() => http.close());

test('a type with an adapter has it, and a type without one is refused at once, by name', () => {
  expect(adapterFor('openai', http)).toBeInstanceOf(OpenAiAdapter);
  expect(adapterFor('anthropic', http)).toBeInstanceOf(AnthropicAdapter);
  expect(adapterFor('vllm', http)).toBeInstanceOf(VllmAdapter);
  expect(() => adapterFor('telepathy' as 'openai', http)).toThrow(/"telepathy".*openai/);
});
