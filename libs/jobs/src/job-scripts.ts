import { join } from 'node:path';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';

const VERBS = [
  'create',
  'begin',
  'start',
  'emit',
  'advance',
  'finish-job',
  'read-graph',
  'open-call',
  'finish-call',
  'finish-steps',
  'finish-graph',
  'adopt',
  'rebuild',
  'cancel',
  'watch',
  'delete',
  'recorded',
  'read-fields',
  'look',
  'find',
  'requeue',
  'move',
  'rebase',
  'key-levels',
  'correct-spent',
  'set-limits',
] as const;
type Verb = (typeof VERBS)[number];

export type JobScripts = Record<Verb, LuaScript>;

/** The verbs of the job record as commands of this connection; one Lua file each. */
export function loadJobScripts(redis: RedisClient): JobScripts {
  const define = (verb: Verb): LuaScript =>
    defineLuaScript(redis, join(import.meta.dirname, 'scripts', `${verb}.lua`), `tokenhub:${verb}`);
  return Object.fromEntries(VERBS.map((verb) => [verb, define(verb)])) as JobScripts;
}
