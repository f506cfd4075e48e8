-- What administrators did. `seq` counts without a gap, in the order in which entries become visible. `outcome` is `committed` for a change
-- that is in this database and was committed with its entry, `noted` for what was noted before it was done, and for an entry that
-- says of an earlier one, `of_seq`: `failed` that it was not done, `unknown` that it may have been done. Times are Unix milliseconds; json, because texts may hold U+0000.
CREATE TABLE audit_entries (
  seq bigint PRIMARY KEY,
  at_ms bigint NOT NULL,
  actor text NOT NULL,
  action text COLLATE "C" NOT NULL,
  target text NOT NULL,
  before json,
  after json,
  outcome text NOT NULL CHECK (outcome IN ('committed', 'noted', 'failed', 'unknown')),
  error text,
  of_seq bigint REFERENCES audit_entries (seq),
  request_id text
);
CREATE INDEX audit_entries_age ON audit_entries (at_ms);
CREATE INDEX audit_entries_target ON audit_entries (target, seq);

-- Nothing that is written is changed or removed, whoever asks: for a statement that would, before it looks at a row.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER audit_entries_append_only;
