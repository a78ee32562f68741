-- API keys that are for tests, that work from some addresses only, that are replaced by another one;
-- whose they are, and when they were used last.

ALTER TABLE api_keys
    ADD COLUMN is_test boolean NOT NULL DEFAULT false,
    ADD COLUMN networks text[] NOT NULL DEFAULT '{}' CHECK (cardinality(networks) <= 50),
    ADD COLUMN owner_id text,
    ADD COLUMN replaced_by text REFERENCES api_keys CHECK (replaced_by <> id);

-- Beside the keys: a row that is written every minute is none that audit lines are about.
CREATE TABLE api_key_uses (
    key_id text PRIMARY KEY REFERENCES api_keys,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 70);
