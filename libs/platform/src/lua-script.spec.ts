import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { defineLuaScript } from './lua-script.js';
import type { RedisClient } from './redis.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lua-script-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** Keeps what ioredis would be given: the text of each command, and the arguments of each call. */
function fakeRedis() {
  const sources: Record<string, string> = {};
  const call = jest.fn((..._args: unknown[]) => Promise.resolve('reply'));
  const redis = {
    defineCommand(name: string, { lua }: { lua: string }): void {
      sources[name] = lua;
      (redis as Record<string, unknown>)[name] = call;
    },
  };
  return { redis: redis as unknown as RedisClient, sources, call };
}

it('a script is called with the number of its keys, the keys and the arguments', async () => {
  const { redis, sources, call } = fakeRedis();
  const run = defineLuaScript(redis, file('a.lua', 'return 1\n'), 'doA');
  expect(sources.doA).toBe('return 1\n');
  expect(await run(['k1', 'k2'], ['x', 5])).toBe('reply');
  expect(call).toHaveBeenCalledWith(2, 'k1', 'k2', 'x', 5);
  await run([], []);
  expect(call).toHaveBeenLastCalledWith(0);
});

it('a line that includes a file becomes that file, also within included ones, and nothing else changes', () => {
  const { redis, sources } = fakeRedis();
  file('inner.lua', "local price = '$& $1'\n");
  file('shared.lua', '-- include: inner.lua\nlocal b = 2');
  const main = file(
    'main.lua',
    '-- first\n-- include: shared.lua\n  -- include: missing.lua\nreturn b -- include: missing.lua\n',
  );
  defineLuaScript(redis, main, 'doMain');
  expect(sources.doMain).toBe(
    "-- first\nlocal price = '$& $1'\n\nlocal b = 2\n  -- include: missing.lua\nreturn b -- include: missing.lua\n",
  );
});

it('an include is looked for beside the file that names it', () => {
  const { redis, sources } = fakeRedis();
  mkdirSync(join(folder, 'deep'));
  file('deep/one.lua', '-- include: two.lua');
  file('deep/two.lua', 'return 2');
  defineLuaScript(redis, file('main.lua', '-- include: deep/one.lua'), 'doMain');
  expect(sources.doMain).toBe('return 2');
});

it.each(['main.lua', 'absent.lua'])('a file that is missing is an error at start (%s)', (name) => {
  const { redis } = fakeRedis();
  file('main.lua', '-- include: absent.lua');
  expect(() => defineLuaScript(redis, join(folder, name), 'doMain')).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  );
});
