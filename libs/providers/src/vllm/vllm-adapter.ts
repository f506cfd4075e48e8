import type { HttpClient } from '#http/http-client.js';
import type { Dialect } from '../openai/dialect.js';
import { OpenAiAdapter } from '../openai/openai-adapter.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { toUpstreamBody } from './convert-messages.js';
import { toUsage } from './convert-usage.js';
import { errorFromEvent, errorFromResponse } from './error.js';
import { toFinishReason } from './map-finish-reason.js';
import { readRateLimits } from './rate-limits.js';

/**
 * Speaks vLLM's dialect of OpenAI's protocol. Which endpoint a call goes to is decided before, by `VllmEndpoints`; an
 * aborted call drops its connection, which is how vLLM is told to stop generating.
 */
export class VllmAdapter implements ProviderAdapter {
  readonly #openai: OpenAiAdapter;

  constructor(http: HttpClient) {
    this.#openai = new OpenAiAdapter(http, VLLM);
  }

  /** As `OpenAiAdapter.execute`: one attempt, a ProviderError or the signal's reason. */
  execute(call: ProviderCall): Promise<ProviderAnswer> {
    return this.#openai.execute(call);
  }
}

const VLLM: Dialect = { toUpstreamBody, toUsage, toFinishReason, errorFromResponse, errorFromEvent, readRateLimits };
