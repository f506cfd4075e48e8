import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RedisClient } from './redis.js';

/** Runs a script; the reply is what the script returned, in ioredis's RESP2 shapes. */
export type LuaScript = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Registers a Lua file as a command of this connection (EVALSHA, loaded again when Redis has forgotten it). A line
 * `-- include: name.lua` is replaced by that file of the same folder. Throws when a file is missing.
 */
export function defineLuaScript(redis: RedisClient, file: string, commandName: string): LuaScript {
  redis.defineCommand(commandName, { lua: readLua(file) });
  const command = (redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>)[commandName];
  if (!command) throw new Error(`ioredis did not register ${commandName}`);
  return (keys, args) => command.call(redis, keys.length, ...keys, ...args);
}

function readLua(file: string): string {
  return readFileSync(file, 'utf8').replace(/^-- include: (\S+)$/gm, (_line, name: string) =>
    readLua(join(dirname(file), name)),
  );
}
