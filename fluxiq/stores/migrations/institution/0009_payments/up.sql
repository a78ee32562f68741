-- Lists of charges and payouts, newest first; API keys that expire and can be told apart.

-- A merchant's page is read in the order of the index, whatever else is asked for. Look-ups by txid
-- and end-to-end id go by the unique indexes that these columns have.
CREATE INDEX charges_of_merchant ON charges (merchant_id, created_at DESC, id DESC);
CREATE INDEX payouts_of_merchant ON payouts (merchant_id, created_at DESC, id DESC);
-- One account of a merchant who has many.
CREATE INDEX charges_of_account ON charges (account_id, created_at DESC, id DESC);
CREATE INDEX payouts_of_account ON payouts (account_id, created_at DESC, id DESC);

ALTER TABLE api_keys
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_characters text NOT NULL DEFAULT '' CHECK (length(last_characters) IN (0, 4)),
    ADD CHECK (expires_at IS NULL OR expires_at > created_at);
CREATE INDEX api_keys_of_merchant ON api_keys (merchant_id, created_at DESC, id DESC);
