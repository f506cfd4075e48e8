import { describe, expect, it } from '@jest/globals';
import { readRedisTarget } from './read-redis-target.js';

const SENTINELS = 'TOKENHUB_REDIS_SENTINELS';
const CLUSTER = 'TOKENHUB_REDIS_CLUSTER';

describe('readRedisTarget', () => {
  it.each<[Record<string, string>, object]>([
    [{}, { kind: 'single', url: 'redis://127.0.0.1:6379' }],
    [{ REDIS_URL: 'redis://h:1' }, { kind: 'single', url: 'redis://h:1' }],
    [
      { REDIS_URL: 'redis://h:1', TOKENHUB_REDIS_URL: 'rediss://u:p@h:2/3' },
      { kind: 'single', url: 'rediss://u:p@h:2/3' },
    ],
    [
      { [SENTINELS]: 'a:1, b/mymaster', REDIS_URL: 'rediss://u:p%40ss@ignored/2' },
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        name: 'mymaster',
        access: { username: 'u', password: 'p@ss', db: 2, tls: {} },
      },
    ],
    [
      { [CLUSTER]: 'a:1,[::1]:7000' },
      {
        kind: 'cluster',
        nodes: [
          { host: 'a', port: 1 },
          { host: '::1', port: 7000 },
        ],
        access: {},
      },
    ],
  ])('%j', (env, expected) => {
    expect(readRedisTarget(env)).toEqual(expected);
  });

  it.each<[Record<string, string>, string]>([
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL: must be a redis:// or rediss:// URL'],
    [{ TOKENHUB_REDIS_URL: 'redis://h/zero' }, 'TOKENHUB_REDIS_URL: must have a database number'],
    [{ [SENTINELS]: 'a:1' }, `${SENTINELS}: must be host:port,host:port/name`],
    [{ [SENTINELS]: 'a:1/m/n' }, `${SENTINELS}: must be host:port,host:port/name`],
    [{ [SENTINELS]: ',/m' }, `${SENTINELS}: must be a comma-separated list of host:port`],
    [{ [CLUSTER]: 'a:99999' }, `${CLUSTER}: must be a comma-separated list of host:port`],
    [{ [CLUSTER]: 'a:1', [SENTINELS]: 'a:1/m' }, `${CLUSTER}: cannot be set together with ${SENTINELS}`],
    [{ [CLUSTER]: 'a:1', REDIS_URL: 'redis://h/3' }, 'REDIS_URL: must not choose a database with a cluster'],
  ])('%j is refused', (env, expected) => {
    expect(() => readRedisTarget(env)).toThrow(expected);
  });
});
