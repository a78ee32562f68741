-- When a merchant's takings are moved from the account that is paid into the one that pays out.
-- `next_at` is null while it is off. The `last_…` say how the last run ended.
CREATE TABLE settlement_schedules (
    merchant_id text PRIMARY KEY REFERENCES merchants,
    time text NOT NULL CHECK (time ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
    source_account_id text NOT NULL REFERENCES accounts,
    destination_account_id text NOT NULL REFERENCES accounts,
    minimum bigint NOT NULL CHECK (minimum > 0),
    keep bigint NOT NULL CHECK (keep >= 0),
    set_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    next_at timestamptz,
    last_at timestamptz,
    last_outcome text,
    last_transfer_id text,
    CHECK (source_account_id <> destination_account_id),
    CHECK ((last_at IS NULL) = (last_outcome IS NULL))
);
CREATE INDEX settlement_schedules_due ON settlement_schedules (next_at) WHERE next_at IS NOT NULL;
