export interface Check {
  /** Also the word on the command line. */
  name: string;
  what: string;
  /** For Node, from the checkout's root. */
  args: string[];
  /** Set when it is a Jest run, whose tests are counted. */
  jestProject?: string;
}

const JEST = 'node_modules/jest/bin/jest.js';

/** In this order: what is quick and names its line first, real processes last, when all else is known to be well. */
export const CHECKS: Check[] = [
  {
    name: 'format',
    what: 'Prettier',
    args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  },
  {
    name: 'lint',
    what: 'ESLint, no warnings',
    args: ['node_modules/eslint/bin/eslint.js', '--max-warnings', '0', '.'],
  },
  { name: 'types', what: 'TypeScript', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  {
    name: 'arrows',
    what: 'imports point one way',
    args: [
      'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      'apps',
      'libs',
      'test',
      'scripts',
    ],
  },
  {
    name: 'advisories',
    what: 'known faults of production dependencies, where the registry tells',
    args: ['scripts/test/advisories.ts'],
  },
  { name: 'build', what: 'swc to dist/', args: ['scripts/build.mjs'] },
  {
    name: 'unit',
    what: 'specs beside their source',
    args: [JEST, '--selectProjects', 'unit', '--maxWorkers', '2'],
    jestProject: 'unit',
  },
  {
    name: 'integration',
    what: 'against a real Redis',
    // Many of them wait for a bound of time.
    args: [JEST, '--selectProjects', 'integration', '--maxWorkers', '3'],
    jestProject: 'integration',
  },
  {
    name: 'e2e',
    what: 'real processes, from dist/',
    // Suites have stacks and ports of their own, and mostly wait; the quick start alone takes the default ports.
    args: [JEST, '--selectProjects', 'e2e', '--maxWorkers', '3'],
    jestProject: 'e2e',
  },
  {
    name: 'chaos',
    what: 'processes killed while jobs run',
    args: [JEST, '--selectProjects', 'chaos', '--runInBand'],
    jestProject: 'chaos',
  },
];
