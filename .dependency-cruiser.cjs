/**
 * The import arrows of Tokenhub (docs/architecture.md): contracts ← platform ← {http, queues, limits, jobs, database} ←
 * {providers, registry, health, history, audit} ← {planner, settings} ← vault ← webhooks ← apps, and contracts ← {routing, tokens, directives,
 * structured-output, orchestration} ← apps. No cycles. One library per fenced package.
 */
const lib = (...names) => `^libs/(${names.join('|')})/src`;
const anyLibExcept = (...names) => `^libs/(?!(${names.join('|')})/)[^/]+/src`;

/** A library may import itself and what is listed, and no other library or app. */
const mayImport = (name, ...allowed) => ({
  name: `${name}-imports-only-${allowed.join('-') || 'nothing'}`,
  severity: 'error',
  from: { path: lib(name), pathNot: '\\.spec\\.ts$' },
  to: { path: [anyLibExcept(name, ...allowed), '^(apps|test|scripts)/'] },
});

/** A third-party package is imported by one library alone. */
const fenced = (pkg, ...owners) => ({
  name: `${pkg}-is-fenced`,
  severity: 'error',
  from: { path: '^(apps|libs)/', pathNot: ['\\.spec\\.ts$', lib('testing'), ...owners] },
  to: { path: `^node_modules/${pkg}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^(apps|libs)/.*\\.ts$', pathNot: ['\\.spec\\.ts$', 'main\\.ts$'] },
      to: {},
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    mayImport('contracts'),
    mayImport('platform', 'contracts'),
    mayImport('http', 'contracts', 'platform'),
    mayImport('queues', 'contracts', 'platform'),
    mayImport('limits', 'contracts', 'platform'),
    mayImport('jobs', 'contracts', 'platform'),
    mayImport('database', 'contracts', 'platform'),
    mayImport('history', 'contracts', 'platform', 'database', 'jobs'),
    mayImport('audit', 'contracts', 'platform', 'database'),
    mayImport('settings', 'contracts', 'platform', 'database', 'audit', 'registry'),
    mayImport('webhooks', 'contracts', 'platform', 'http', 'jobs', 'registry', 'history', 'vault'),
    mayImport('health', 'contracts', 'platform', 'limits'),
    mayImport('providers', 'contracts', 'platform', 'http'),
    mayImport('registry', 'contracts', 'platform'),
    mayImport('vault', 'contracts', 'platform', 'database', 'registry', 'settings'),
    mayImport('routing', 'contracts'),
    mayImport('tokens', 'contracts'),
    mayImport(
      'planner',
      ...['contracts', 'platform', 'http', 'jobs', 'health', 'providers', 'registry', 'routing', 'tokens'],
      ...['orchestration', 'structured-output'],
    ),
    mayImport('directives', 'contracts'),
    mayImport('structured-output', 'contracts'),
    mayImport('orchestration', 'contracts', 'directives'),
    {
      name: 'apps-do-not-import-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'routes-of-clients-do-not-import-those-of-administrators',
      severity: 'error',
      from: { path: '^apps/api/src/[^/]+/', pathNot: '^apps/api/src/admin/' },
      to: { path: '^apps/api/src/admin/' },
    },
    {
      name: 'testing-is-for-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['\\.spec\\.ts$', lib('testing')] },
      to: { path: lib('testing') },
    },
    fenced('ioredis', lib('platform')),
    fenced('bullmq', lib('queues')),
    fenced('@bull-board', lib('queues')),
    fenced('rate-limiter-flexible', '^apps/api/src/(auth|webhooks)/'),
    fenced('cookie', '^apps/api/src/auth/'),
    fenced('playwright-core', lib('testing')),
    fenced('tiktoken', lib('tokens')),
    fenced('undici', lib('http')),
    fenced('ipaddr.js', lib('platform')),
    fenced('pg', lib('database')),
    fenced('kysely', lib('database', 'history', 'settings', 'vault', 'audit')),
    fenced('libsodium-wrappers', lib('vault')),
    fenced('@electric-sql', lib('database')),
    fenced('standardwebhooks', lib('webhooks')),
    {
      name: 'environment-is-fenced',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['\\.spec\\.ts$', 'main\\.ts$', lib('platform', 'testing')] },
      to: { path: '^(node:)?process$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    webpackConfig: { fileName: '.dependency-cruiser.resolve.cjs' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
