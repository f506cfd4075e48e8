import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { simulatorConfig } from './config-file.ts';
import { greeting } from './greeting.ts';
import { type ConfigFile, parseOptions, planStart } from './plan-start.ts';

const options = { workers: 1, build: true };
const fileWith = (content: Record<string, unknown>): ConfigFile => ({ path: 'tokenhub.yaml', content });
const providers = [{ id: 'openai', type: 'openai' }];

describe('planStart', () => {
  it('with nothing set: default ports, the simulator, a private Redis, no keys needed', () => {
    expect(planStart({}, options)).toMatchObject({
      host: '127.0.0.1',
      apiPort: 8080,
      workerPorts: [8081],
      simulatorPort: 8090,
      auth: 'off',
      givenRedis: undefined,
      givenDatabase: undefined,
    });
  });

  it.each([
    { when: 'a key of OpenAI is set', env: { OPENAI_API_KEY: 'sk-1' }, file: undefined, simulator: false },
    { when: 'a key of Anthropic is set', env: { ANTHROPIC_API_KEY: 'sk-2' }, file: undefined, simulator: false },
    { when: 'the file has providers', env: {}, file: fileWith({ providers }), simulator: false },
    { when: 'the file has none', env: {}, file: fileWith({ aliases: [] }), simulator: true },
  ])('when $when, the simulator runs: $simulator', ({ env, file, simulator }) => {
    const plan = planStart(env, { ...options, file });
    expect(plan.simulatorPort !== undefined).toBe(simulator);
    expect(plan.providers).not.toContain('sk-');
  });

  it.each([
    { when: 'TOKENHUB_AUTH is set', env: { TOKENHUB_AUTH: 'on' }, said: 'on, from TOKENHUB_AUTH' },
    {
      when: 'TOKENHUB_API_KEY is set',
      env: { TOKENHUB_API_KEY: 'th_secret' },
      said: 'on: the key in TOKENHUB_API_KEY',
    },
    {
      when: 'the file has keys',
      env: {},
      file: fileWith({ projects: [{ keys: [{}] }] }),
      said: 'on: the keys in tokenhub.yaml',
    },
    {
      when: 'others can reach it',
      env: { TOKENHUB_HOST: '0.0.0.0' },
      said: 'on, because 0.0.0.0 is not a loopback address',
    },
  ])('leaves authentication alone when $when', ({ env, file, said }) => {
    expect(planStart(env, { ...options, file })).toMatchObject({ auth: undefined, authSaid: said });
  });

  it.each([
    { env: { REDIS_URL: 'redis://a' }, given: { variable: 'REDIS_URL', url: 'redis://a' } },
    {
      env: { REDIS_URL: 'redis://a', TOKENHUB_REDIS_URL: 'redis://b' },
      given: { variable: 'TOKENHUB_REDIS_URL', url: 'redis://b' },
    },
    {
      env: { TOKENHUB_REDIS_SENTINELS: 'a:1', REDIS_URL: 'redis://a' },
      given: { variable: 'TOKENHUB_REDIS_SENTINELS', url: undefined },
    },
  ])('uses the Redis of $given.variable', ({ env, given }) => {
    expect(planStart(env, options).givenRedis).toEqual(given);
  });

  it.each([
    { env: {}, variable: undefined },
    { env: { DATABASE_URL: '' }, variable: undefined },
    { env: { DATABASE_URL: 'postgres://a' }, variable: 'DATABASE_URL' },
    {
      env: { DATABASE_URL: 'postgres://a', TOKENHUB_DATABASE_URL: 'postgres://b' },
      variable: 'TOKENHUB_DATABASE_URL',
    },
  ])('uses the database of $variable', ({ env, variable }) => {
    expect(planStart(env, options).givenDatabase).toBe(variable);
  });

  it('lets the environment win over the file, and gives each worker a port', () => {
    const file = fileWith({ server: { host: '127.0.0.2', port: 9000 } });
    expect(planStart({}, { ...options, file })).toMatchObject({ host: '127.0.0.2', apiPort: 9000 });
    const env = { TOKENHUB_PORT: '9100', TOKENHUB_WORKER_PORT: '9200' };
    expect(planStart(env, { workers: 3, build: true, file })).toMatchObject({
      apiPort: 9100,
      workerPorts: [9200, 9201, 9202],
    });
  });
});

describe('parseOptions', () => {
  it.each([
    { args: [], parsed: { workers: 1, build: true } },
    { args: ['--workers', '2', '--no-build'], parsed: { workers: 2, build: false } },
  ])('$args', ({ args, parsed }) => {
    expect(parseOptions(args)).toEqual(parsed);
  });

  it.each([[['--worker', '2']], [['--workers', '0']], [['--workers', 'many']]])(
    'refuses %j and shows the usage',
    (args) => {
      expect(() => parseOptions(args)).toThrow('Usage: npm start');
    },
  );
});

describe('simulatorConfig', () => {
  it('makes the simulator the only provider and keeps the rest of the person’s file', () => {
    const config = parse(simulatorConfig(8090, { aliases: [{ id: 'smart' }], models: [{ id: 'old' }] })) as {
      providers: { id: string; base_url: string }[];
      models: { id: string; provider: string }[];
      aliases: unknown[];
    };
    expect(config.providers).toEqual([
      { id: 'simulator', type: 'openai', base_url: 'http://127.0.0.1:8090/v1', credential: { source: 'none' } },
    ]);
    expect(config.models.map(({ id, provider }) => [id, provider])).toEqual([
      ['sim-small', 'simulator'],
      ['sim-large', 'simulator'],
      ['sim-embedding', 'simulator'],
    ]);
    expect(config.aliases).toEqual([{ id: 'smart' }]);
  });
});

describe('greeting', () => {
  it.each([
    { env: {}, header: false },
    { env: { TOKENHUB_API_KEY: 'th_secret' }, header: true },
  ])('shows curls that work with $env: a key header is $header', ({ env, header }) => {
    const text = greeting({ plan: planStart(env, options), redis: 'somewhere', database: 'here', tookMs: 1234 });
    const curls = text.split('\n').filter((line) => line.trim().startsWith('curl'));
    expect(curls).toHaveLength(2);
    for (const curl of curls) {
      expect(curl.includes('authorization: Bearer $TOKENHUB_API_KEY')).toBe(header);
      expect(JSON.parse(/-d '(.*)'$/.exec(curl)?.[1] ?? '')).toBeInstanceOf(Object);
    }
    expect(text).not.toContain('th_secret');
  });
});
