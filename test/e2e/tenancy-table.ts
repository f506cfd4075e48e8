import type { Json } from './doors.js';

/** Every route, by method and path as the OpenAPI document writes them, and who may come in. A route that is not here fails the suite. */
export type Door =
  | { door: 'public' }
  | { door: 'admin' }
  /** `foreign`: what another project's key may try there with what it has learnt of this one. */
  | { door: 'key'; scope: string; foreign: readonly Attempt[] };

/** What a stranger knows of a project: ids are not secret. */
export interface Known {
  finished: string;
  queued: string;
  failed: string;
  key: string;
  idempotencyKey: string;
  alias: string;
  /** A webhook endpoint, and a delivery to it. */
  endpoint: string;
  delivery: string;
  canary: string;
}

/** One request with another project's key, and the statuses that it may have. */
export interface Attempt {
  name: string;
  /** Below the URL; default the route's own path with the finished job's id. */
  path?: (known: Known) => string;
  body?: (known: Known) => Json;
  headers?: (known: Known) => Record<string, string>;
  status: readonly number[];
}

const HIDDEN = [404];
const ADMIN: Door = { door: 'admin' };
const chat = (model: string): Json => ({ model, messages: [{ role: 'user', content: 'Hi' }] });

/** The same request for each kind of job: finished, waiting, failed. */
function eachJob(path: (id: string) => string, more: Pick<Attempt, 'body' | 'headers'> = {}): Attempt[] {
  const jobs = ['finished', 'queued', 'failed'] as const;
  return jobs.map((job) => ({ name: `a ${job} job`, path: (known) => path(known[job]), status: HIDDEN, ...more }));
}

/** A model that only the other project may use is one that does not exist. */
function asModel(path: string, body: (model: string) => Json): Attempt[] {
  return [
    { name: 'an alias of the other project', path: () => path, body: ({ alias }) => body(alias), status: HIDDEN },
    {
      name: 'its idempotency key',
      path: () => path,
      body: () => body('sim-small'),
      headers: ({ idempotencyKey }) => ({ 'idempotency-key': idempotencyKey }),
      status: [200, 202],
    },
  ];
}

const ENDPOINTS = '/v1/webhook-endpoints';

/** An endpoint that is not of this project, which the suite calls by an id that it has not got itself. */
function endpointDoor(below: string): Door {
  const path = (known: Known): string => `${ENDPOINTS}/${known.endpoint}${below}`;
  const body = (): Json => (below === '/redeliver' ? { from: '2020-01-01', to: '2100-01-01' } : {});
  return { door: 'key', scope: 'jobs', foreign: [{ name: 'an endpoint', path, body, status: HIDDEN }] };
}

function deliveryDoor(below: string): Door {
  const at = (id: string, { delivery }: Known): string => `${ENDPOINTS}/${id}/deliveries/${delivery}${below}`;
  return {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      { name: 'a delivery', path: (known) => at(known.endpoint, known), status: HIDDEN },
      { name: 'a delivery, asked for as one to a job’s own URL', path: (known) => at('job', known), status: HIDDEN },
    ],
  };
}

const job = (model: string): Json => ({ type: 'chat', request: chat(model) });
const envelope = (model: string): Json => ({ request: { messages: chat(model).messages, model_hint: model } });

export const TENANCY: Readonly<Record<string, Door>> = {
  'GET /health': { door: 'public' },
  'GET /ready': { door: 'public' },

  'POST /v1/jobs': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      ...asModel('/v1/jobs', job),
      {
        name: 'a policy that names a model of the other project',
        path: () => '/v1/jobs',
        body: ({ alias }) => ({ ...job('auto'), policy: { models: [alias] } }),
        status: [400, 404],
      },
    ],
  },
  'GET /v1/jobs': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      { name: 'its own page', path: () => '/v1/jobs', status: [200] },
      { name: 'a page after a job of the other project', path: (k) => `/v1/jobs?after=${k.failed}`, status: [200] },
      { name: 'the other project’s key', path: (k) => `/v1/jobs?key=${k.key}`, status: [200] },
      { name: 'its metadata', path: (k) => `/v1/jobs?metadata[note]=${k.canary}`, status: [200] },
      { name: 'a project', path: () => '/v1/jobs?project=alpha', status: [400] },
    ],
  },
  'GET /v1/jobs/{id}': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      ...eachJob((id) => `/v1/jobs/${id}`),
      ...eachJob((id) => `/v1/jobs/${id}?wait=1`),
      { name: 'its id in another case', path: (k) => `/V1/Jobs/${k.finished.toUpperCase()}`, status: HIDDEN },
      { name: 'its id encoded', path: (k) => `/v1/jobs/%6a${k.finished.slice(1)}`, status: HIDDEN },
      { name: 'its id and a slash', path: (k) => `/v1/jobs/${k.finished}/`, status: HIDDEN },
      { name: 'its call', path: (k) => `/v1/jobs/${k.finished}-answer`, status: HIDDEN },
    ],
  },
  'GET /v1/jobs/{id}/result': { door: 'key', scope: 'jobs', foreign: eachJob((id) => `/v1/jobs/${id}/result`) },
  'GET /v1/jobs/{id}/events': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      ...eachJob((id) => `/v1/jobs/${id}/events`),
      ...eachJob((id) => `/v1/jobs/${id}/events?starting_after=0`),
      ...eachJob((id) => `/v1/jobs/${id}/events`, { headers: () => ({ 'last-event-id': '1' }) }),
    ],
  },
  'POST /v1/jobs/{id}/cancel': { door: 'key', scope: 'jobs', foreign: eachJob((id) => `/v1/jobs/${id}/cancel`) },
  'POST /v1/jobs/{id}/retry': { door: 'key', scope: 'jobs', foreign: eachJob((id) => `/v1/jobs/${id}/retry`) },
  'DELETE /v1/jobs/{id}': { door: 'key', scope: 'jobs', foreign: eachJob((id) => `/v1/jobs/${id}`) },

  'POST /v1/route/explain': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      {
        name: 'an alias of the other project',
        path: () => '/v1/route/explain',
        body: (k) => job(k.alias),
        status: HIDDEN,
      },
      { name: 'what it may use', path: () => '/v1/route/explain', body: () => job('auto'), status: [200] },
    ],
  },

  'POST /v1/chat/completions': {
    ...{ door: 'key', scope: 'chat' },
    foreign: asModel('/v1/chat/completions', chat),
  },
  'POST /v1/completions': {
    ...{ door: 'key', scope: 'chat' },
    foreign: asModel('/v1/completions', (model) => ({ model, prompt: 'Hi' })),
  },
  'POST /v1/embeddings': {
    ...{ door: 'key', scope: 'embeddings' },
    foreign: [
      {
        name: 'an alias of the other project',
        path: () => '/v1/embeddings',
        body: ({ alias }) => ({ model: alias, input: 'Hi' }),
        status: HIDDEN,
      },
    ],
  },
  'GET /v1/models': {
    ...{ door: 'key', scope: 'models' },
    foreign: [{ name: 'its own list', path: () => '/v1/models', status: [200] }],
  },
  'GET /v1/models/{id}': {
    ...{ door: 'key', scope: 'models' },
    foreign: [{ name: 'an alias of the other project', path: (k) => `/v1/models/${k.alias}`, status: HIDDEN }],
  },
  'POST /v1/chat': { door: 'key', scope: 'chat', foreign: asModel('/v1/chat', envelope) },
  'POST /v1/plan': { door: 'key', scope: 'chat', foreign: asModel('/v1/plan', envelope) },
  'POST /v1/adversarial': {
    ...{ door: 'key', scope: 'chat' },
    foreign: [
      {
        name: 'its idempotency key',
        path: () => '/v1/adversarial',
        body: () => ({ prompt: 'Hi' }),
        headers: ({ idempotencyKey }) => ({ 'idempotency-key': idempotencyKey }),
        status: [200],
      },
    ],
  },

  'GET /v1/webhook-endpoints': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      { name: 'its own list', path: () => ENDPOINTS, status: [200] },
      {
        name: 'a page after an endpoint of the other project',
        path: (k) => `${ENDPOINTS}?after=${k.endpoint}`,
        status: [200],
      },
    ],
  },
  'POST /v1/webhook-endpoints': {
    ...{ door: 'key', scope: 'jobs' },
    foreign: [
      {
        name: 'its endpoints, whatever it makes itself',
        path: () => ENDPOINTS,
        body: () => ({ url: 'http://127.0.0.1:9/' }),
        status: [201],
      },
    ],
  },
  ...Object.fromEntries(
    (
      [
        ['GET', ''],
        ['PATCH', ''],
        ['DELETE', ''],
        ['POST', '/rotate'],
        ['POST', '/test'],
        ['GET', '/deliveries'],
        ['POST', '/redeliver'],
      ] as const
    ).map(([method, below]) => [`${method} ${ENDPOINTS}/{id}${below}`, endpointDoor(below)]),
  ),
  'GET /v1/webhook-endpoints/{id}/deliveries/{deliveryId}': deliveryDoor(''),
  'POST /v1/webhook-endpoints/{id}/deliveries/{deliveryId}/redeliver': deliveryDoor('/redeliver'),

  'GET /admin/v1/session': { door: 'public' },
  'POST /admin/v1/session': { door: 'public' },
  'DELETE /admin/v1/session': ADMIN,
  'GET /admin/v1/usage': ADMIN,
  'GET /admin/v1/usage/attempts': ADMIN,
  'GET /admin/v1/audit': ADMIN,
  'GET /admin/v1/jobs': ADMIN,
  'GET /admin/v1/jobs/{id}': ADMIN,
  'POST /admin/v1/jobs/{id}/cancel': ADMIN,
  'POST /admin/v1/jobs/{id}/retry': ADMIN,
  'DELETE /admin/v1/jobs/{id}': ADMIN,
  'GET /admin/v1/pools': ADMIN,
  'GET /admin/v1/pools/{id}': ADMIN,
  'POST /admin/v1/pools/{id}/pause': ADMIN,
  'POST /admin/v1/pools/{id}/resume': ADMIN,
  'GET /admin/v1/budgets': ADMIN,
  'PUT /admin/v1/budgets': ADMIN,
  'POST /admin/v1/budgets/recount': ADMIN,
  'POST /admin/v1/keys/{id}/rotate': ADMIN,
  'POST /admin/v1/providers/{id}/discover': ADMIN,
  'POST /admin/v1/providers/{id}/test': ADMIN,
  'GET /admin/v1/vault': ADMIN,
  'POST /admin/v1/vault/init': ADMIN,
  'POST /admin/v1/vault/unlock': ADMIN,
  'POST /admin/v1/vault/lock': ADMIN,
  'POST /admin/v1/vault/rotate': ADMIN,
  'GET /admin/v1/vault/secrets': ADMIN,
  'POST /admin/v1/vault/secrets': ADMIN,
  'GET /admin/v1/vault/secrets/{name}': ADMIN,
  'PUT /admin/v1/vault/secrets/{name}': ADMIN,
  'DELETE /admin/v1/vault/secrets/{name}': ADMIN,
  ...Object.fromEntries(['providers', 'models', 'aliases', 'projects', 'keys'].flatMap(resource)),
};

function resource(name: string): [string, Door][] {
  const all = `/admin/v1/${name}`;
  const one = `${all}/{id}`;
  return [`GET ${all}`, `POST ${all}`, ...['GET', 'PUT', 'PATCH', 'DELETE'].map((method) => `${method} ${one}`)].map(
    (route) => [route, ADMIN],
  );
}
