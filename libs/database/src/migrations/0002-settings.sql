-- What an administrator sets: one document each, in the words of the configuration file. Its version is the revision of its last change,
-- so that one which is deleted and made again never has a version that it had before.
CREATE TABLE settings (
  kind text NOT NULL,
  id text COLLATE "C" NOT NULL,
  definition json NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  PRIMARY KEY (kind, id)
);

-- One row: the revision grows with each change of any document, and the source tells these settings from those of another database.
CREATE TABLE settings_revision (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  source uuid NOT NULL DEFAULT gen_random_uuid(),
  revision bigint NOT NULL DEFAULT 0
);
INSERT INTO settings_revision DEFAULT VALUES;
