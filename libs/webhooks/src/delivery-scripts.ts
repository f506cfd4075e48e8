import { join } from 'node:path';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';

const VERBS = ['accept', 'hold', 'end-try', 'release', 'redeliver'] as const;
type Verb = (typeof VERBS)[number];

export type DeliveryScripts = Record<Verb, LuaScript>;

/** The verbs of a delivery as commands of this connection; one Lua file each. */
export function loadDeliveryScripts(redis: RedisClient): DeliveryScripts {
  const define = (verb: Verb): LuaScript =>
    defineLuaScript(redis, join(import.meta.dirname, 'scripts', `${verb}.lua`), `tokenhubWebhook:${verb}`);
  return Object.fromEntries(VERBS.map((verb) => [verb, define(verb)])) as DeliveryScripts;
}
