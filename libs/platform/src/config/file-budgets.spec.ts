import { describe, expect, it } from '@jest/globals';
import { resolveConfigFile } from './resolve-config-file.js';
import { validateConfigFile } from './validate-config-file.js';

const fileWith = (budget: unknown, of: 'key' | 'project' = 'key') =>
  validateConfigFile(
    {
      projects: [
        {
          ...{ id: 'p', ...(of === 'project' && { budget }) },
          keys: [{ id: 'ci', sha256: 'a'.repeat(64), scopes: ['jobs'], ...(of === 'key' && { budget }) }],
        },
      ],
    },
    'tokenhub.yaml',
  );

describe('a budget in the file', () => {
  it('is kept in whole nano-dollars, of a key and of a project apart', () => {
    expect(resolveConfigFile(fileWith({ day_usd: 0.1, month_usd: 2.000000001 })).projects).toMatchObject([
      { budget: {}, keys: [{ budget: { day: 100_000_000, month: 2_000_000_001 } }] },
    ]);
    expect(resolveConfigFile(fileWith({ month_usd: 0 }, 'project')).projects).toMatchObject([
      { budget: { month: 0 }, keys: [{ budget: {} }] },
    ]);
  });

  it.each([
    [{ day_usd: -0.01 }, 'day_usd: must be >= 0'],
    [{ month_usd: '5' }, 'month_usd: must be number'],
    [{ month_usd: 1_000_001 }, 'month_usd: must be <= 1000000'],
    [{ year_usd: 1 }, 'year_usd: is not a known field'],
    [5, 'budget: must be object'],
  ])('of %j is refused by name', (budget, fault) => {
    for (const owner of ['key', 'project'] as const) expect(() => fileWith(budget, owner)).toThrow(fault);
  });
});
