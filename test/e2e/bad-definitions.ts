export const CANARY = 'sk-canary-4711';

const p = (change: object): unknown => ({
  ...{ id: 'p', type: 'openai', base_url: 'http://127.0.0.1:1/v1', credential: { source: 'none' } },
  ...change,
});
const m = (change: object): unknown => ({ id: 'm', provider: 'simulator', ...change });
const a = (change: object): unknown => ({ id: 'a', members: [{ model: 'sim-small' }], ...change });

/** What cannot be set: a case, the list, what is posted, and status, code and field of the answer. */
export const BAD_DEFINITIONS: [string, string, unknown, string][] = [
  ['no object', 'models', [], '400 invalid_type'],
  ['null', 'models', null, '400 invalid_type'],
  ['broken JSON', 'models', '{', '400 invalid_json'],
  ['no id', 'models', { provider: 'simulator' }, '400 missing_required_parameter id'],
  ['an id of another type', 'models', m({ id: 7 }), '400 invalid_type id'],
  ['an id with odd characters', 'models', m({ id: 'a b\u0000' }), '400 invalid_value id'],
  ['an id that is a path', 'models', m({ id: '../x' }), '400 invalid_value id'],
  ['an endless id', 'models', m({ id: 'm'.repeat(201) }), '400 invalid_value id'],
  ['a provider id that would break pools', 'providers', p({ id: 'a/b' }), '400 invalid_value id'],
  ['a reserved id', 'models', m({ id: 'auto' }), '400 invalid_value id'],
  ['an unknown field', 'models', m({ wieght: 5 }), '400 unknown_parameter wieght'],
  [
    'a field of every object',
    'models',
    '{"id":"m","provider":"simulator","__proto__":{"weight":9}}',
    '400 unknown_parameter __proto__',
  ],
  ['an unknown nested field', 'models', m({ price: { per_1k: 1 } }), '400 unknown_parameter price.per_1k'],
  ['a negative price', 'models', m({ price: { input_per_1k: -1 } }), '400 invalid_value price.input_per_1k'],
  ['a weight over ten', 'models', m({ weight: 10.5 }), '400 invalid_value weight'],
  ['a weight below zero', 'models', m({ weight: -1 }), '400 invalid_value weight'],
  ['a weight as text', 'models', m({ weight: '5' }), '400 invalid_type weight'],
  ['a context of 0', 'models', m({ context_tokens: 0 }), '400 invalid_value context_tokens'],
  [
    'more output than context',
    'models',
    m({ context_tokens: 5, max_output_tokens: 6 }),
    '400 invalid_value max_output_tokens',
  ],
  ['a limit of 0', 'models', m({ limits: { rpm: 0 } }), '400 invalid_value limits.rpm'],
  ['an unknown capability', 'models', m({ capabilities: ['x'] }), '400 invalid_value capabilities[0]'],
  ['a model of an unknown provider', 'models', m({ provider: 'nobody' }), '400 unknown_reference provider'],
  ['a model with the id of an alias', 'models', m({ id: 'declared-alias' }), '400 invalid_value id'],
  ['a definition of a megabyte', 'models', m({ upstream_model: 'x'.repeat(1e6) }), '413 body_too_large'],
  ['a URL with credentials', 'providers', p({ base_url: `https://u:${CANARY}@h/v1` }), '400 invalid_value base_url'],
  ['a URL of another scheme', 'providers', p({ base_url: 'ftp://h/v1' }), '400 invalid_value base_url'],
  ['no URL', 'providers', p({ base_url: undefined }), '400 missing_required_parameter base_url'],
  [
    'endpoints on openai',
    'providers',
    p({ base_url: undefined, endpoints: ['http://h/v1'] }),
    '400 invalid_value endpoints',
  ],
  ['an unknown type', 'providers', p({ type: 'azure' }), '400 invalid_value type'],
  ['no credential', 'providers', p({ credential: undefined }), '400 missing_required_parameter credential'],
  [
    'a secret',
    'providers',
    p({ credential: { source: 'config', value: CANARY } }),
    '400 credential_source_refused credential.source',
  ],
  [
    'a secret in place of its name in the vault',
    'providers',
    p({ credential: { source: 'escrow', name: `${CANARY}\n` } }),
    '400 invalid_value credential.name',
  ],
  [
    'a secret in place of its variable',
    'providers',
    p({ credential: { source: 'env', name: CANARY } }),
    '400 invalid_value credential.name',
  ],
  [
    'a secret beside its variable',
    'providers',
    p({ credential: { source: 'env', name: 'A', value: CANARY } }),
    '400 unknown_parameter credential.value',
  ],
  ['a timeout of 0', 'providers', p({ timeouts: { idle_ms: 0 } }), '400 invalid_value timeouts.idle_ms'],
  [
    'an alias of an unknown model',
    'aliases',
    a({ members: [{ model: 'none' }] }),
    '400 unknown_reference members[0].model',
  ],
  [
    'an alias of an alias',
    'aliases',
    a({ members: [{ model: 'declared-alias' }] }),
    '400 unknown_reference members[0].model',
  ],
  ['an alias without members', 'aliases', a({ members: [] }), '400 invalid_value members'],
  [
    'a member twice',
    'aliases',
    a({ members: [{ model: 'sim-small' }, { model: 'sim-small' }] }),
    '400 invalid_value members[1].model',
  ],
  [
    'a member of no weight',
    'aliases',
    a({ members: [{ model: 'sim-small', weight: 0 }] }),
    '400 invalid_value members[0].weight',
  ],
  ['an alias with the id of a model', 'aliases', a({ id: 'sim-small' }), '400 invalid_value id'],
  ['an alias sticky by nothing known', 'aliases', a({ sticky_by: 'moon' }), '400 invalid_value sticky_by'],
];
