import { expect, it } from '@jest/globals';
import { toUpstreamBody } from './convert-messages.js';

it('leaves out the thinking that a message brings from another vendor, and nothing else', () => {
  const thinking = { role: 'assistant', content: 'a', thinking_blocks: [{ type: 'thinking' }], name: 'kept' };
  const user = { role: 'user', content: 'thinking_blocks' };
  const sent: unknown = JSON.parse(
    toUpstreamBody({ body: { messages: [thinking, user], extra: 1 }, upstreamModel: 'm' }, false),
  );
  expect(sent).toEqual({ model: 'm', extra: 1, messages: [{ role: 'assistant', content: 'a', name: 'kept' }, user] });
});
