import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { redisProgram, type RedisServer, startRedis } from '#testing/redis-harness.js';
import { temporaryFolder } from '#testing/reaper.js';
import { installPlan, type Machine } from './redis-install.ts';
import { parseRedisVersion } from './redis-program.ts';
import { checkGivenRedis, planPrivateRedis, privateRedisSpec } from './redis.ts';
import { Supervisor } from './supervisor.ts';

describe('installPlan', () => {
  const machine = (more: Partial<Machine> & { programs: string[] }): Machine => ({
    platform: 'linux',
    asRoot: [],
    ...more,
    has: (name) => more.programs.includes(name),
  });

  it.each([
    { on: 'Debian as root', given: machine({ programs: ['apt-get'] }), first: 'apt-get update' },
    {
      on: 'Debian with sudo',
      given: machine({ programs: ['apt-get'], asRoot: ['sudo', '-n'] }),
      first: 'sudo -n apt-get update',
    },
    { on: 'Alpine', given: machine({ programs: ['apk'] }), first: 'apk add --no-cache redis' },
    { on: 'Fedora', given: machine({ programs: ['dnf'] }), first: 'dnf install -y valkey' },
    { on: 'macOS', given: machine({ platform: 'darwin', programs: ['brew'] }), first: 'brew install redis' },
    { on: 'Debian as somebody', given: machine({ programs: ['apt-get'], asRoot: undefined }), first: undefined },
    { on: 'macOS without brew', given: machine({ platform: 'darwin', programs: [] }), first: undefined },
    { on: 'Windows', given: machine({ platform: 'win32', programs: [] }), first: undefined },
  ])('on $on begins with: $first', ({ given, first }) => {
    const [command] = installPlan(given) ?? [];
    expect(command && [command.command, ...command.args].join(' ')).toBe(first);
  });

  it('stops the service that Debian starts, without failing where there is none', () => {
    const plan = installPlan(machine({ programs: ['apt-get'] })) ?? [];
    expect(plan.slice(1).map(({ command, args, optional }) => [[command, ...args].join(' '), optional])).toEqual([
      ['apt-get install -y --no-install-recommends redis-server', undefined],
      ['service redis-server stop', true],
      ['systemctl disable redis-server', true],
    ]);
  });
});

describe('parseRedisVersion', () => {
  it.each([
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', { major: 7, text: '7.0.15' }],
    ['Valkey server v=8.1.1 sha=00000000:0', { major: 8, text: '8.1.1' }],
    ['# Server\r\nredis_version:6.2.14\r\n', { major: 6, text: '6.2.14' }],
    ['something else', undefined],
  ])('of %j', (text, version) => {
    expect(parseRedisVersion(text)).toEqual(version);
  });
});

describe('the private Redis', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  function supervise(): Supervisor {
    const supervisor = new Supervisor({ say: () => undefined, onLine: () => undefined });
    stops.push(() => supervisor.stop());
    return supervisor;
  }

  const program = { path: redisProgram(), label: 'a server' };

  it('is found again by the next start while it runs, and gets its port again when it does not', async () => {
    const stateDir = temporaryFolder('state');
    const plan = await planPrivateRedis(stateDir);
    expect(plan.runningPid).toBeUndefined();
    const supervisor = supervise();
    await supervisor.start(privateRedisSpec(plan, program));
    expect(await checkGivenRedis(plan.url, 'REDIS_URL')).toMatch(
      /^Redis \d+\.\d+.* at 127\.0\.0\.1:\d+, from REDIS_URL$/,
    );

    const again = await planPrivateRedis(stateDir);
    expect(again).toMatchObject({ port: plan.port, runningPid: expect.any(Number) as unknown });
    await supervisor.stop();
    expect(await planPrivateRedis(stateDir)).toMatchObject({ port: plan.port, runningPid: undefined });
    expect(readFileSync(join(stateDir, 'log', 'redis.log'), 'utf8')).toContain('Ready to accept connections');
  });

  it('leaves a Redis of somebody else alone, and takes another port', async () => {
    const other: RedisServer = await startRedis({ appendfsync: 'no' });
    stops.push(() => other.stop());
    const stateDir = temporaryFolder('state');
    const first = await planPrivateRedis(stateDir, other.port);
    expect(first.port).not.toBe(other.port);
    expect(first.runningPid).toBeUndefined();
  });
});

describe('checkGivenRedis', () => {
  it.each([
    { url: 'redis://:s3cret@127.0.0.1:1/', problem: 'The Redis at 127.0.0.1:1, from REDIS_URL, does not answer: ' },
    { url: 's3cret', problem: 'REDIS_URL is not a URL such as redis://localhost:6379.' },
  ])('says what is wrong with $url, without its secret', async ({ url, problem }) => {
    const refusal = await checkGivenRedis(url, 'REDIS_URL').catch((error: unknown) => String(error));
    expect(refusal).toContain(problem);
    expect(refusal).not.toContain('s3cret');
  });
});
