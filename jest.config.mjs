/** Pure specs beside their source, integration against real Redis, end-to-end against real processes, and processes that are killed. */
const libs = [
  'contracts',
  'platform',
  'http',
  'queues',
  'jobs',
  'database',
  'history',
  'audit',
  'settings',
  'limits',
  'health',
  'routing',
  'tokens',
  'providers',
  'registry',
  'vault',
  'webhooks',
  'planner',
  'directives',
  'structured-output',
  'orchestration',
  'testing',
];

const shared = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    [`^#(${libs.join('|')})/(.*)\\.js$`]: '<rootDir>/libs/$1/src/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.tokenhub'],
};

export default {
  // A bound for what hangs, wide enough for a busy machine: nothing here is judged by its time. `waitFor` gives up before, and says why.
  testTimeout: 60_000,
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/{apps,libs,scripts}/**/*.spec.ts'] },
    { ...shared, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.spec.ts'] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.spec.ts'] },
    { ...shared, displayName: 'chaos', testMatch: ['<rootDir>/test/chaos/**/*.spec.ts'] },
  ],
};
