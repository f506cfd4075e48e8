-- Deliveries of webhooks after their end: one row per event and target, with its tries. Times are Unix milliseconds. `endpoint` is empty
-- for the URL that a job named itself, which is then in `url`. A delivery that is begun anew has a higher round.
CREATE TABLE webhook_deliveries (
  id text COLLATE "C" PRIMARY KEY,
  project text NOT NULL,
  endpoint text NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  job_state text NOT NULL,
  url text,
  status text NOT NULL,
  reason text,
  round integer NOT NULL,
  attempts integer NOT NULL,
  created_ms bigint NOT NULL,
  ended_ms bigint NOT NULL,
  tries json NOT NULL
);
CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (project, endpoint, created_ms, id);
CREATE INDEX webhook_deliveries_status ON webhook_deliveries (project, endpoint, status, created_ms, id);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (ended_ms);
