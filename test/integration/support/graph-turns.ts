import type { JsonObject } from '#contracts/json.js';
import type { ProviderCall } from '#providers/provider-adapter.js';
import { answers } from './turns.js';
import type { Turn } from './worker-rig.js';

/** What stands in the last message of each kind of step, in the order in which they are to be looked for. */
export const ASKS = {
  critique: /criticise the draft/,
  review: /review your answer by/,
  judge: /compare the candidates/,
  verdict: /write that last line alone/,
  refine: /final answer to the request/,
  improve: /improved answer to the request/,
  first: /Say it/,
} as const;
export type Asked = keyof typeof ASKS;

/** The text of a call's last message. */
export function lastMessage(call: Pick<ProviderCall, 'body'>): string {
  const { messages } = call.body as { messages: { content: unknown }[] };
  const { content } = messages.at(-1) ?? {};
  return typeof content === 'string' ? content : JSON.stringify(content);
}

/** Which kind of step a call is for. Throws for any other. */
export function askedFor(call: Pick<ProviderCall, 'body'>): Asked {
  const last = lastMessage(call);
  const found = (Object.keys(ASKS) as Asked[]).find((kind) => ASKS[kind].test(last));
  if (found === undefined) throw new Error(`no step asks ${last}`);
  return found;
}

/** Answers each kind of step by its turns, the last one for all that follow. */
export function byStep(script: Partial<Record<Asked, Turn | Turn[]>>): Turn {
  const asked = new Map<Asked, number>();
  return (call) => {
    const kind = askedFor(call);
    const turns = [script[kind] ?? []].flat();
    const n = asked.get(kind) ?? 0;
    asked.set(kind, n + 1);
    const turn = turns[Math.min(n, turns.length - 1)];
    if (!turn) throw new Error(`no turn for a ${kind}`);
    return turn(call);
  };
}

/** Plan, critique and refinement, each with a text of its own. */
export const ADVERSARIAL = {
  first: answers('the plan'),
  critique: answers('Too short.'),
  refine: answers('the refined plan'),
} as const;

/** A job's result or error as JSON. */
export const parsed = (text: string | null): JsonObject => JSON.parse(text ?? '{}') as JsonObject;
