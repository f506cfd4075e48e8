/**
 * Every Redis key, channel and queue name of Tokenhub. All keys share one hash tag, so that on Redis Cluster a script
 * may touch any of them and BullMQ's keys lie in the same slot.
 */
export const KEY_PREFIX = '{th}';

export const keys = {
  /** Hash: the job's record. */
  job: (jobId: string) => `${KEY_PREFIX}:job:${jobId}`,
  /** Hash: one language-model request with its candidates, attempt number and current run. */
  call: (callId: string) => `${KEY_PREFIX}:call:${callId}`,
  /** Hash: the graph of a job that has one, and how each of its steps stands. */
  steps: (jobId: string) => `${KEY_PREFIX}:steps:${jobId}`,
  /** Stream: the job's events, ids `0-<sequence number>`. */
  events: (jobId: string) => `${KEY_PREFIX}:events:${jobId}`,
  /** Sorted set: unfinished jobs by the time (ms) at which the reconciler must next look at them. */
  unfinished: () => `${KEY_PREFIX}:unfinished`,
  /** Sorted set: a project's jobs by creation time (ms). */
  projectJobs: (project: string) => `${KEY_PREFIX}:jobs:${project}`,
  /** Set: the projects that have, or had, such a list. */
  jobLists: () => `${KEY_PREFIX}:job-lists`,
  /** String: job id and body fingerprint of an idempotency key; `scope` is the route. */
  idempotency: (project: string, scope: string, keyHash: string) =>
    `${KEY_PREFIX}:idempotency:${project}:${scope}:${keyHash}`,
  /** Hash: how much of each of its limits a key has used, and when that was. */
  keyLevels: (project: string, key: string) => `${KEY_PREFIX}:key-levels:${project}/${key}`,
  /** Set: the unfinished jobs of a key that may have only so many. */
  keyJobs: (project: string, key: string) => `${KEY_PREFIX}:key-jobs:${project}/${key}`,
  /** Hash: what of each budget of a project and its keys is reserved and spent, for the jobs made in a month (`2026-11`). */
  budgetLevels: (project: string, month: string) => `${KEY_PREFIX}:budgets:${project}:${month}`,
  /** String with a time to live: the process is alive; its value is what it reports of itself. */
  presence: (processId: string) => `${KEY_PREFIX}:presence:${processId}`,
  /** Sorted set: process ids by the time (ms) of their last sign of life. */
  processes: () => `${KEY_PREFIX}:processes`,
  /** Hash: how a provider, or a model of it, has answered lately. */
  health: (kind: string, id: string) => `${KEY_PREFIX}:health:${kind}:${id}`,
  /** Hash: the observed latency of each model. */
  latencies: () => `${KEY_PREFIX}:latencies`,
  /** BullMQ's own counter of a pool's rate limit; while it is full no worker takes an attempt from the pool. */
  poolGate: (poolId: string) => `${KEY_PREFIX}:${poolQueueName(poolId)}:limiter`,
  /** BullMQ's own: the settings of a pool's queue, its rate limit among them. */
  poolMeta: (poolId: string) => `${KEY_PREFIX}:${poolQueueName(poolId)}:meta`,
  /** Hash: how far ahead of each of its limits a provider, or a model with limits of its own, is. */
  paces: (scope: string) => `${KEY_PREFIX}:paces:${scope}`,
  /** Hash: the virtual time of a pool's queue, the last tag of each key that waits in it, and how fast it starts attempts. */
  poolOrder: (poolId: string) => `${KEY_PREFIX}:order:${poolId}`,
  /** BullMQ's own: attempts that wait for a worker, by priority; and those that wait for their time. */
  poolWaiting: (poolId: string) => `${KEY_PREFIX}:${poolQueueName(poolId)}:prioritized`,
  poolDelayed: (poolId: string) => `${KEY_PREFIX}:${poolQueueName(poolId)}:delayed`,
  /** BullMQ's own: what the key of each of its attempts begins with. */
  poolAttempt: (poolId: string) => `${KEY_PREFIX}:${poolQueueName(poolId)}:`,
  /** Sorted set: the calls in flight at a provider with several pools, by the time (ms) at which they are taken for lost. */
  leases: (providerId: string) => `${KEY_PREFIX}:leases:${providerId}`,
  /** String with a time to live: the pool is paused after a refusal. */
  poolPause: (poolId: string) => `${KEY_PREFIX}:pause:${poolId}`,
  /** Hash: by pool id, the pause that an administrator made, as JSON. */
  adminPauses: () => `${KEY_PREFIX}:admin-pauses`,
  /** Hash: how often in a row a pool was paused. */
  poolStrikes: (poolId: string) => `${KEY_PREFIX}:strikes:${poolId}`,
  /** Stream: ends of jobs that a webhook must tell of, until each is queued; written by the script that ends the job. */
  webhookOutbox: () => `${KEY_PREFIX}:webhook-outbox`,
  /** String with a time to live: the process that empties the outbox. */
  webhookDrainer: () => `${KEY_PREFIX}:webhook-drainer`,
  /** Hash: one event on its way to one target, and how it goes. */
  webhookDelivery: (deliveryId: string) => `${KEY_PREFIX}:webhook-delivery:${deliveryId}`,
  /** Sorted set: deliveries to an endpoint that the history does not have yet, by the time (ms) of their event; `''`: to jobs' own URLs. */
  webhookDeliveries: (project: string, endpoint: string) => `${KEY_PREFIX}:webhook-deliveries:${project}/${endpoint}`,
  /** Hash: since when and how often an endpoint has failed without a success in between. */
  webhookFailures: (project: string, endpoint: string) => `${KEY_PREFIX}:webhook-failures:${project}/${endpoint}`,
  /** String with a time to live: this endpoint was tested a moment ago. */
  webhookTested: (project: string, endpoint: string) => `${KEY_PREFIX}:webhook-tested:${project}/${endpoint}`,
  /** What begins the names of numbers with a time to live, which count the changes of a project's endpoints. */
  webhookEndpointsChanged: () => `${KEY_PREFIX}:webhook-endpoints-changed`,
  /** List: the newest deliveries that were given up, with the reason. */
  webhooksDead: () => `${KEY_PREFIX}:webhooks-dead`,
  /** Hash: endpoints (`project/endpoint`) whose receiver wants no more, with the reason. */
  webhooksDisabled: () => `${KEY_PREFIX}:webhooks-disabled`,
  /** Stream: attempts that ended and ends of jobs, until the recorder has committed them; written by the script that ends them. */
  ledger: () => `${KEY_PREFIX}:ledger`,
  /** Number: bytes of finished records that wait for the recorder. The scripts make its name from the stream's. */
  ledgerWaiting: () => `${KEY_PREFIX}:ledger-waiting`,
  /** Stream: entries of the ledger that the database refused. */
  ledgerRefused: () => `${KEY_PREFIX}:ledger-refused`,
  /** Sorted set: pools by the time (ms) at which they were last seen in the registry; those that are gone may hold attempts. */
  pools: () => `${KEY_PREFIX}:pools`,
  /** Hash: version and content of the registry snapshot. */
  registry: () => `${KEY_PREFIX}:registry`,
  /** Hash: version and content of the snapshot of API keys (hashes) and projects. */
  apiKeys: () => `${KEY_PREFIX}:api-keys`,
  /** Hash: whether the vault is open, and its epoch. */
  vault: () => `${KEY_PREFIX}:vault`,
  /** Hash: version and content of the snapshot of the vault's secrets, sealed. */
  vaultSecrets: () => `${KEY_PREFIX}:vault-secrets`,
  /** Strings with a time to live: a process asks for the data keys, and is answered with them, encrypted for it alone. */
  vaultAsk: (processId: string) => `${KEY_PREFIX}:vault-ask:${processId}`,
  vaultAnswer: (processId: string) => `${KEY_PREFIX}:vault-answer:${processId}`,
  /** String with a time to live: secrets may be set at this moment; its value is the epoch that this is true of. */
  vaultAdministration: () => `${KEY_PREFIX}:vault-administration`,
  /** Number with a time to live: passwords of the vault that were tried within a minute. */
  vaultTries: () => `${KEY_PREFIX}:vault-tries`,
  /** Hash: version and content of the snapshot of webhook endpoints that were made over the API; their secrets are sealed. */
  webhookEndpoints: () => `${KEY_PREFIX}:webhook-endpoints`,
  /** String with a time to live: a session of the admin page, under a keyed hash of its id. */
  adminSession: (hash: string) => `${KEY_PREFIX}:admin-session:${hash}`,
  /** What begins the names of numbers with a time to live, which count wrong admin tokens: of `address`, `overall`, `bearer`. */
  adminRefusals: (of: string) => `${KEY_PREFIX}:admin-refusals:${of}`,
  /** String with a time to live: an administrator has signed in from this address block. */
  adminAddress: (block: string) => `${KEY_PREFIX}:admin-address:${block}`,
} as const;

export const channels = {
  /** What one API process waits for: ends and events of jobs that it asked about. */
  toProcess: (processId: string) => `${KEY_PREFIX}:to:${processId}`,
  /** Job ids whose running attempt should stop; every worker listens. */
  stops: () => `${KEY_PREFIX}:stops`,
  /** Versions of the registry snapshot. */
  registry: () => `${KEY_PREFIX}:registry-changes`,
  /** Versions of the snapshot of API keys. */
  apiKeys: () => `${KEY_PREFIX}:api-key-changes`,
  /** `state`, `ask:<process>` and `answer:<process>`: where in the vault's keys there is something new. */
  vault: () => `${KEY_PREFIX}:vault-changes`,
  /** Versions of the snapshot of the vault's secrets. */
  vaultSecrets: () => `${KEY_PREFIX}:vault-secret-changes`,
  /** Versions of the snapshot of webhook endpoints. */
  webhookEndpoints: () => `${KEY_PREFIX}:webhook-endpoint-changes`,
} as const;

/** Prefixes that scripts complete with an id they find in a record. */
export const prefixes = {
  toProcess: `${KEY_PREFIX}:to:`,
  presence: `${KEY_PREFIX}:presence:`,
  call: `${KEY_PREFIX}:call:`,
  job: `${KEY_PREFIX}:job:`,
} as const;

/** BullMQ refuses `:` in queue names, and model names such as `llama3:8b` have it: everything unusual is percent-encoded. */
export function poolQueueName(poolId: string): string {
  return `pool.${encodeURIComponent(poolId)}`;
}

/** The queue of graphs. */
export const GRAPH_QUEUE = 'orchestration';

/** The queue of webhook deliveries. */
export const WEBHOOK_QUEUE = 'webhooks';
