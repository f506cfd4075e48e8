import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { KeyRules, ProjectRules } from '#contracts/key-rules.js';
import type { WirePolicy } from '#contracts/policy.js';
import { SCOPES } from '#contracts/scopes.js';
import type { KeyConfig, ProjectConfig } from '#platform/config/config.js';
import { KeyRing } from './key-ring.js';
import { newSecret } from './key-secret.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const PLAIN = { name: null, disabled: false, allowedModels: null, policy: {}, budget: {} };

const key = (id: string, text: string, change: Partial<KeyConfig> = {}): KeyConfig => ({
  id,
  sha256: sha256(text),
  scopes: ['jobs'],
  share: 2,
  limits: { rpm: 600 },
  expiresAtMs: null,
  ...PLAIN,
  ...change,
});

const project = (id: string, ...keys: KeyConfig[]): ProjectConfig => ({
  id,
  ...PLAIN,
  webhookSecret: null,
  keys,
  webhookEndpoints: [],
});

describe('KeyRing', () => {
  const declared = {
    projects: [project('p', key('ci', 'th_one')), project('q', key('old', 'th_two', { expiresAtMs: 1_000 }))],
    apiKey: 'th_environment',
  };

  it('knows whose a declared key is', () => {
    expect(new KeyRing(declared).find('th_one')).toEqual({
      project: 'p',
      key: 'ci',
      scopes: ['jobs'],
      share: 2,
      limits: { rpm: 600 },
      budgets: [],
      allowedModels: null,
      policy: {},
    });
  });

  it('gives the key of the environment to project default, with all scopes and no limits', () => {
    expect(new KeyRing(declared).find('th_environment')).toEqual({
      project: 'default',
      key: 'env',
      scopes: SCOPES,
      share: 1,
      limits: {},
      budgets: [],
      allowedModels: null,
      policy: {},
    });
  });

  it('gives a key its own budgets and those of its project, and the key of the environment those of project default', () => {
    const budget = { day: 5, month: 7 };
    const ring = new KeyRing({
      projects: [
        { ...project('p', key('ci', 'th_one', { budget: { day: 1 } })), budget },
        { ...project('default'), budget: { day: 3 } },
      ],
      apiKey: 'th_environment',
    });
    expect(ring.find('th_one')?.budgets).toEqual([
      { scope: 'key', window: 'day', limitNano: 1 },
      { scope: 'project', window: 'day', limitNano: 5 },
      { scope: 'project', window: 'month', limitNano: 7 },
    ]);
    expect(ring.find('th_environment')?.budgets).toEqual([{ scope: 'project', window: 'day', limitNano: 3 }]);
  });

  it.each([
    ['an unknown key', 'th_three'],
    ['nothing', ''],
    ['the hash in place of the key', sha256('th_one')],
    ['another case', 'TH_ONE'],
    ['a megabyte', 'x'.repeat(1_000_000)],
    ['a name that objects have', '__proto__'],
  ])('refuses %s', (_case, bearer) => {
    expect(new KeyRing(declared).find(bearer)).toBeNull();
  });

  it('refuses a key from the moment that it expires', () => {
    let now = 999;
    const ring = new KeyRing(declared, () => now);
    expect(ring.find('th_two')?.key).toBe('old');
    now = 1_000;
    expect(ring.find('th_two')).toBeNull();
  });

  it('tells why it refuses', () => {
    const ring = new KeyRing(
      { ...declared, projects: [...declared.projects, project('r', key('off', 'th_off', { disabled: true }))] },
      () => 1_000,
    );
    const { secret } = newSecret();
    const mistyped = `${secret.slice(0, -1)}${secret.endsWith('x') ? 'y' : 'x'}`;
    expect(['th_two', 'th_off', 'th_three', secret, mistyped].map((each) => ring.faultOf(each))).toEqual([
      ...['expired', 'disabled', 'unknown', 'unknown', 'mistyped'],
    ]);
    expect(ring.find('th_off')).toBeNull();
  });

  it('refuses everything when nothing is declared', () => {
    expect(new KeyRing({ projects: [], apiKey: null }).find('th_one')).toBeNull();
  });
});

const rules = (id: string, change: Partial<KeyRules> = {}): KeyRules => ({
  ...{ id, project: 'made', scopes: ['chat'], share: 1, limits: {}, expiresAtMs: null },
  ...{ disabled: false, allowedModels: null, policy: {}, budget: {} },
  secrets: [{ sha256: sha256(`th_${id}`), endsAtMs: null }],
  ...change,
});
const MADE: ProjectRules = { id: 'made', disabled: false, allowedModels: null, policy: {}, budget: {} };

describe('a KeyRing that is told of keys made meanwhile', () => {
  const declared = { projects: [project('p', key('ci', 'th_one'))], apiKey: null };
  let now = 0;
  let ring: KeyRing;
  beforeEach(() => {
    now = 0;
    ring = new KeyRing(declared, () => now);
  });

  it('knows them at once, and no more of those that are gone', () => {
    ring.accept({ projects: [MADE], keys: [rules('a'), rules('b')] });
    expect([ring.find('th_a')?.key, ring.find('th_b')?.key, ring.find('th_one')?.key]).toEqual(['a', 'b', 'ci']);
    ring.accept({ projects: [MADE], keys: [rules('b')] });
    expect([ring.find('th_a'), ring.find('th_b')?.key, ring.find('th_one')?.key]).toEqual([null, 'b', 'ci']);
  });

  it.each<[string, Partial<KeyRules>, Partial<ProjectRules>]>([
    ['a disabled key', { disabled: true }, {}],
    ['a key of a disabled project', {}, { disabled: true }],
    ['a key whose project is gone', {}, { id: 'another' }],
    ['an expired key', { expiresAtMs: 0 }, {}],
    ['a key without a secret', { secrets: [] }, {}],
  ])('refuses %s', (_case, change, projectChange) => {
    ring.accept({ projects: [{ ...MADE, ...projectChange }], keys: [rules('a', change)] });
    expect(ring.find('th_a')).toBeNull();
  });

  it('knows what a key may do by its name, also when it is disabled, and no more when it or its project is gone', () => {
    ring.accept({ projects: [MADE], keys: [rules('a', { disabled: true, expiresAtMs: 0 })] });
    expect(ring.ownerOf(MADE.id, 'a')).toMatchObject({ project: MADE.id, key: 'a' });
    expect(ring.ownerOf('p', 'ci')).toEqual(ring.find('th_one'));
    expect(ring.ownerOf('default', 'anonymous')).toBe(ring.anonymous);
    expect([ring.ownerOf('p', 'a'), ring.ownerOf(MADE.id, 'ci'), ring.ownerOf('p', 'none')]).toEqual([
      null,
      null,
      null,
    ]);
    ring.accept({ projects: [{ ...MADE, id: 'another' }], keys: [rules('a')] });
    expect(ring.ownerOf(MADE.id, 'a')).toBeNull();
  });

  it('lets the secret before a rotation work until its overlap ends, and never beyond the key', () => {
    const secrets = [
      { sha256: sha256('th_new'), endsAtMs: null },
      { sha256: sha256('th_old'), endsAtMs: 100 },
    ];
    ring.accept({ projects: [MADE], keys: [rules('a', { secrets, expiresAtMs: 200 })] });
    const known = (at: number): boolean[] => {
      now = at;
      return ['th_new', 'th_old'].map((secret) => ring.find(secret) !== null);
    };
    expect([known(99), known(100), known(199), known(200)]).toEqual([
      ...[
        [true, true],
        [true, false],
        [true, false],
      ],
      [false, false],
    ]);
  });

  it('lets what is declared hold against them, by id, by hash and by project', () => {
    const stolen = rules('x', { secrets: [{ sha256: sha256('th_one'), endsAtMs: null }] });
    const projects = [MADE, { ...MADE, id: 'p', disabled: true }];
    ring.accept({ projects, keys: [rules('ci'), stolen] });
    expect(ring.find('th_ci')).toBeNull();
    expect(ring.find('th_one')).toMatchObject({ project: 'p', key: 'ci' });
  });

  it.each<[string, readonly string[] | null, readonly string[] | null, readonly string[] | null]>([
    ['everything', null, null, null],
    ["the project's list", ['a', 'b'], null, ['a', 'b']],
    ["the key's list", null, ['a'], ['a']],
    ['what both lists name', ['a', 'b'], ['b', 'c'], ['b']],
    ['nothing where they have nothing in common', ['a'], ['c'], []],
  ])('allows %s', (_case, ofProject, ofKey, expected) => {
    ring.accept({
      projects: [{ ...MADE, allowedModels: ofProject }],
      keys: [rules('a', { allowedModels: ofKey })],
    });
    expect(ring.find('th_a')?.allowedModels).toEqual(expected);
  });

  it("puts a key's policy before its project's, field by field", () => {
    const ofProject: WirePolicy = { mode: 'cheap', max_attempts: 2, fallback: false };
    const policy: WirePolicy = { mode: 'normal', min_weight: null };
    ring.accept({ projects: [{ ...MADE, policy: ofProject }], keys: [rules('a', { policy })] });
    expect(ring.find('th_a')?.policy).toEqual({ mode: 'normal', maxAttempts: 2, fallback: false });
  });

  it('gives them their own budgets and those of their project, as they are at this moment', () => {
    ring.accept({ projects: [{ ...MADE, budget: { month: 7 } }], keys: [rules('a', { budget: { day: 1 } })] });
    expect(ring.find('th_a')?.budgets).toEqual([
      { scope: 'key', window: 'day', limitNano: 1 },
      { scope: 'project', window: 'month', limitNano: 7 },
    ]);
    ring.accept({ projects: [MADE], keys: [rules('a', { budget: { day: 2 } })] });
    expect(ring.find('th_a')?.budgets).toEqual([{ scope: 'key', window: 'day', limitNano: 2 }]);
  });

  it('gives everybody, where authentication is off, what project default may do and spend', () => {
    expect(ring.anonymous).toMatchObject({ project: 'default', key: 'anonymous', allowedModels: null, policy: {} });
    ring.accept({ projects: [], keys: [rules('a', { project: 'default' })] });
    expect(ring.find('th_a')?.project).toBe('default');
    const own = { ...project('default'), allowedModels: ['a'], policy: { mode: 'cheap' as const }, budget: { day: 3 } };
    expect(new KeyRing({ projects: [own], apiKey: null }).anonymous).toMatchObject({
      allowedModels: ['a'],
      policy: { mode: 'cheap' },
      budgets: [{ scope: 'project', window: 'day', limitNano: 3 }],
    });
  });
});
