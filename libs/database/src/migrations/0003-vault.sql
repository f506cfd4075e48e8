-- The vault: one record, without which no secret opens. Data keys are in it only encrypted, with a key from an environment variable or from
-- a password, neither of which is anywhere in here. `checksum` tells a damaged record from a wrong password. `lock_epoch` is the epoch of
-- the word that `locked` is from: what was said before it comes too late.
CREATE TABLE vault (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL,
  mode text NOT NULL,
  kdf json,
  data_keys json NOT NULL,
  checksum text NOT NULL,
  locked boolean NOT NULL,
  lock_epoch bigint NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);

-- Secrets, sealed with a data key and bound to their names.
CREATE TABLE vault_secrets (
  name text COLLATE "C" PRIMARY KEY,
  sealed text NOT NULL,
  version bigint NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
);
