import { expect, it } from '@jest/globals';
import type { KeyRules, ProjectRules } from '#contracts/key-rules.js';
import { budgetOwners } from './budget-owners.js';

const USE = { disabled: false, allowedModels: null, policy: {}, budget: {} };
const project = (id: string, budget: ProjectRules['budget'] = {}): ProjectRules => ({ id, ...USE, budget });
const key = (id: string, of: string, budget: KeyRules['budget'] = {}): KeyRules => ({
  ...{ id, project: of, ...USE, budget, secrets: [] },
  ...{ scopes: ['jobs'], share: 1, limits: {}, expiresAtMs: null },
});

it('whoever has a budget is listed with the rules of its own, each project before its keys', () => {
  const projects = [project('a'), project('b', { month: 9 }), project('c')];
  const keys = [key('k1', 'b', { day: 1, month: 2 }), key('k2', 'a', { day: 3 }), key('k3', 'b'), key('k4', 'c')];
  expect(budgetOwners({ projects, keys })).toEqual([
    { project: 'a', key: 'k2', rules: [{ scope: 'key', window: 'day', limitNano: 3 }] },
    { project: 'b', key: null, rules: [{ scope: 'project', window: 'month', limitNano: 9 }] },
    {
      ...{ project: 'b', key: 'k1' },
      rules: [
        { scope: 'key', window: 'day', limitNano: 1 },
        { scope: 'key', window: 'month', limitNano: 2 },
      ],
    },
  ]);
});

it('a key whose project is no more has no budget, as it has no use', () => {
  expect(budgetOwners({ projects: [], keys: [key('k', 'gone', { day: 1 })] })).toEqual([]);
});
