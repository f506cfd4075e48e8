import { ProviderError } from '../provider-error.js';

/** For what a client asks and Anthropic cannot be asked; `param` is the field's path in the client's body. */
export function invalidRequest(message: string, param: string, code = 'invalid_value'): ProviderError {
  return new ProviderError('invalid_request', message, { code, param });
}
