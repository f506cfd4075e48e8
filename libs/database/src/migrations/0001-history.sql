-- What is kept of jobs after their end, and what every attempt used. Times are Unix milliseconds, money integer nano-dollars.

-- Ids sort by the time of creation. `record` is what the job's own page shows and `work` what was asked, as text that only has to be
-- valid JSON: jsonb refuses the characters U+0000 and lone surrogates, which models do write. `metadata` is for finding, with those
-- replaced. `bytes` is the size of `record`: so long pages are cut without reading it.
CREATE TABLE finished_jobs (
  id text COLLATE "C" PRIMARY KEY,
  project text NOT NULL,
  key text NOT NULL,
  type text NOT NULL,
  state text NOT NULL,
  model text,
  created_ms bigint NOT NULL,
  finished_ms bigint NOT NULL,
  metadata jsonb NOT NULL,
  idempotency text,
  bytes integer NOT NULL,
  record json NOT NULL,
  work json NOT NULL
);
CREATE INDEX finished_jobs_project ON finished_jobs (project, id);
CREATE INDEX finished_jobs_state ON finished_jobs (project, state, id);
CREATE INDEX finished_jobs_type ON finished_jobs (project, type, id);
CREATE INDEX finished_jobs_key ON finished_jobs (project, key, id);
CREATE INDEX finished_jobs_model ON finished_jobs (project, model, id);
-- What was added lately is looked through one by one until it is merged: 256 kB of it, not the usual 4 MB.
CREATE INDEX finished_jobs_metadata ON finished_jobs USING gin (metadata jsonb_path_ops) WITH (gin_pending_list_limit = 256);
-- Told from the default sample of a hundred, one value that happens to be in it seems to be in every hundredth row.
ALTER TABLE finished_jobs ALTER COLUMN metadata SET STATISTICS 1000;
CREATE INDEX finished_jobs_age ON finished_jobs (finished_ms);

-- Jobs that were erased: whoever was about to record one must not bring it back.
CREATE TABLE erased_jobs (
  id text COLLATE "C" PRIMARY KEY,
  erased_ms bigint NOT NULL
);
CREATE INDEX erased_jobs_age ON erased_jobs (erased_ms);

-- One row per attempt that ended. When Redis loses its last moments an attempt runs again under the same id: it ends at another time,
-- and is another row. An attempt is wasted when no answer came of it. `seq` counts as they are recorded, and they
-- become visible in its order: recorders add them one after the other.
CREATE TABLE usage_attempts (
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  id text COLLATE "C" NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  project text NOT NULL,
  key text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  state text NOT NULL,
  error_class text,
  wasted boolean NOT NULL,
  usage_estimated boolean NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  cache_write_input_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_nano bigint NOT NULL,
  waited_ms bigint NOT NULL,
  ttft_ms bigint,
  duration_ms bigint NOT NULL,
  ended_ms bigint NOT NULL,
  PRIMARY KEY (id, ended_ms)
);
CREATE INDEX usage_attempts_age ON usage_attempts (ended_ms);

-- The sums of usage_attempts by day (UTC), changed in the transaction that adds an attempt, and between which of them its attempts lie.
CREATE TABLE usage_daily (
  day date NOT NULL,
  project text NOT NULL,
  key text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  attempts bigint NOT NULL,
  wasted_attempts bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  cache_write_input_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  cost_nano bigint NOT NULL,
  wasted_cost_nano bigint NOT NULL,
  duration_ms bigint NOT NULL,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  PRIMARY KEY (day, project, key, provider, model)
);
