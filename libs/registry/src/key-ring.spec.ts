import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SCOPES } from '#contracts/scopes.js';
import type { KeyConfig, ProjectConfig } from '#platform/config/config.js';
import { KeyRing } from './key-ring.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const key = (id: string, text: string, change: Partial<KeyConfig> = {}): KeyConfig => ({
  id,
  sha256: sha256(text),
  scopes: ['jobs'],
  share: 2,
  limits: { rpm: 600 },
  budget: {},
  expiresAtMs: null,
  ...change,
});

const project = (id: string, ...keys: KeyConfig[]): ProjectConfig => ({
  ...{ id, webhookSecret: null, budget: {}, keys, webhookEndpoints: [] },
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

  it('refuses everything when nothing is declared', () => {
    expect(new KeyRing({ projects: [], apiKey: null }).find('th_one')).toBeNull();
  });
});
