import type { ColumnType, Generated, GeneratedAlways, JSONColumnType } from 'kysely';

/** Every table, as the newest migration leaves it. Times are Unix milliseconds, money integer nano-dollars. */
export interface DatabaseSchema {
  schema_migrations: SchemaMigrationsTable;
  finished_jobs: FinishedJobsTable;
  erased_jobs: ErasedJobsTable;
  usage_attempts: UsageAttemptsTable;
  usage_daily: UsageDailyTable;
  webhook_deliveries: WebhookDeliveriesTable;
  settings: SettingsTable;
  settings_revision: SettingsRevisionTable;
  vault: VaultTable;
  vault_secrets: VaultSecretsTable;
  audit_entries: AuditEntriesTable;
}

export interface SchemaMigrationsTable {
  version: number;
  name: string;
  applied_at: Generated<Date>;
}

export interface FinishedJobsTable {
  id: string;
  project: string;
  key: string;
  type: string;
  state: string;
  model: string | null;
  created_ms: number;
  finished_ms: number;
  metadata: JSONColumnType<Record<string, string>>;
  /** The Redis key of its idempotency key. */
  idempotency: string | null;
  /** Of `record`. */
  bytes: number;
  /** JSON; what is in it is the history's own business. */
  record: JSONColumnType<object>;
  /** JSON: what was asked. */
  work: JSONColumnType<object>;
}

export interface ErasedJobsTable {
  id: string;
  erased_ms: number;
}

/** Tokens and money that attempts and their sums have alike. */
interface UsageColumns {
  input_tokens: number;
  output_tokens: number;
  cached_input_tokens: number;
  cache_write_input_tokens: number;
  reasoning_tokens: number;
  cost_nano: number;
}

export interface UsageAttemptsTable extends UsageColumns {
  /** In the order of recording. */
  seq: GeneratedAlways<number>;
  id: string;
  job_id: string;
  project: string;
  key: string;
  provider: string;
  model: string;
  state: string;
  error_class: string | null;
  wasted: boolean;
  usage_estimated: boolean;
  waited_ms: number;
  ttft_ms: number | null;
  duration_ms: number;
  ended_ms: number;
}

export interface UsageDailyTable extends UsageColumns {
  /** `YYYY-MM-DD`, UTC. */
  day: string;
  project: string;
  key: string;
  provider: string;
  model: string;
  attempts: number;
  wasted_attempts: number;
  wasted_cost_nano: number;
  duration_ms: number;
  /** The lowest and the highest `seq` of its attempts. */
  first_seq: number;
  last_seq: number;
}

export interface SettingsTable {
  kind: string;
  id: string;
  /** JSON; what is in it is the business of whoever the kind belongs to. */
  definition: JSONColumnType<object>;
  version: number;
  created_ms: number;
  updated_ms: number;
}

/** One row. */
export interface SettingsRevisionTable {
  one: Generated<boolean>;
  source: Generated<string>;
  revision: number;
}

/** At most one row. */
export interface VaultTable {
  one: Generated<boolean>;
  id: string;
  mode: string;
  /** JSON; of the vault itself, like the data keys. */
  kdf: JSONColumnType<object> | null;
  data_keys: JSONColumnType<object>;
  checksum: string;
  locked: boolean;
  lock_epoch: number;
  version: number;
  created_ms: number;
  updated_ms: number;
}

export interface VaultSecretsTable {
  name: string;
  sealed: string;
  version: number;
  created_ms: number;
  updated_ms: number;
}

type Outcome = 'committed' | 'noted' | 'failed' | 'unknown';

/** JSON that is written once, or null. */
type WrittenOnce = ColumnType<object | null, string | null, never>;

/** Rows are only ever added. */
export interface AuditEntriesTable {
  /** Without a gap, in the order in which entries become visible. */
  seq: ColumnType<number, number, never>;
  at_ms: ColumnType<number, number, never>;
  actor: ColumnType<string, string, never>;
  action: ColumnType<string, string, never>;
  target: ColumnType<string, string, never>;
  before: WrittenOnce;
  after: WrittenOnce;
  outcome: ColumnType<Outcome, Outcome, never>;
  error: ColumnType<string | null, string | null, never>;
  /** Of which entry it is said that it was not done, or may not have been. */
  of_seq: ColumnType<number | null, number | null, never>;
  request_id: ColumnType<string | null, string | null, never>;
}

export interface WebhookDeliveriesTable {
  id: string;
  project: string;
  /** Empty for the URL that a job named itself. */
  endpoint: string;
  job_id: string;
  job_state: string;
  url: string | null;
  status: string;
  reason: string | null;
  round: number;
  attempts: number;
  created_ms: number;
  ended_ms: number;
  tries: JSONColumnType<object[]>;
}
