import type { JsonObject } from '#contracts/json.js';
import type { ProviderCall } from '../provider-adapter.js';
import type { Block } from './convert-content.js';
import { toConversation } from './convert-conversation.js';
import { toParameters, type ParameterCall } from './convert-parameters.js';
import { isForced, toToolFields } from './convert-tools.js';
import { invalidRequest } from './invalid-request.js';

/** A request for Anthropic's Messages, and the client's fields that it does not honour as given. */
export interface UpstreamBody {
  body: JsonObject & { max_tokens: number };
  dropped: string[];
}

/** The client's OpenAI-shaped body as Anthropic gets it; throws `invalid_request` for what it cannot be asked. */
export function toUpstreamBody(call: ParameterCall & Pick<ProviderCall, 'upstreamModel' | 'strict'>): UpstreamBody {
  const { system, turns } = toConversation(call.body.messages);
  const tools = toToolFields(call.body, turns);
  const { fields, dropped, instruction } = toParameters(call, isForced(tools));
  const [first] = dropped;
  if (call.strict === true && first !== undefined) {
    throw invalidRequest(`This provider has nothing for: ${dropped.join(', ')}.`, first, 'unsupported_parameter');
  }
  if (instruction !== null) system.push({ type: 'text', text: instruction });
  const body = {
    model: call.upstreamModel,
    ...fields,
    ...(system.length > 0 ? { system: toSystem(system) } : {}),
    messages: turns,
    ...tools,
  };
  return { body, dropped };
}

/** One text, unless a block says more than its words. */
function toSystem(blocks: Block[]): string | Block[] {
  const isPlain = blocks.every((block) => block.type === 'text' && block.cache_control === undefined);
  return isPlain ? blocks.map((block) => block.text).join('\n') : blocks;
}
