-- Book transfers, accounts that are blocked, and what statements are read by.

CREATE TABLE transfers (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    source_account_id text NOT NULL REFERENCES accounts,
    destination_account_id text NOT NULL REFERENCES accounts,
    idempotency_key text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    description text NOT NULL,
    stage text NOT NULL CHECK (stage IN (
        'created', 'pending', 'approved', 'declined', 'completed', 'failed'
    )),
    created_by text NOT NULL,
    decided_by text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz,
    completed_at timestamptz,
    failure_code text,
    metadata jsonb NOT NULL,
    CHECK (source_account_id <> destination_account_id),
    CHECK ((stage = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((stage IN ('declined', 'failed')) = (failure_code IS NOT NULL)),
    -- Who asks for a transfer never decides about it; without a time for approval nobody does.
    CONSTRAINT maker_is_not_checker CHECK (decided_by <> created_by),
    CONSTRAINT only_what_was_decided_is_carried_out CHECK (
        CASE WHEN expires_at IS NULL
            THEN decided_by IS NULL AND stage IN ('created', 'completed', 'failed')
            ELSE decided_by IS NOT NULL OR stage NOT IN ('approved', 'completed')
        END
    )
);
CREATE INDEX transfers_of_merchant ON transfers (merchant_id, created_at DESC, id DESC);
CREATE INDEX transfers_of_source ON transfers (source_account_id, created_at DESC);
CREATE INDEX transfers_of_destination ON transfers (destination_account_id, created_at DESC);
-- What is still to do, and nothing else.
CREATE INDEX transfers_unfinished ON transfers (updated_at)
    WHERE stage IN ('created', 'approved', 'declined');
CREATE INDEX transfers_to_approve ON transfers (expires_at) WHERE stage = 'pending';

ALTER TABLE accounts
    ADD COLUMN block_reason text,
    ADD CONSTRAINT blocked_for_a_reason CHECK (status = 'blocked' OR block_reason IS NULL);

-- Statements: the movements of a customer's account in ledger order. Holds and voids move nothing
-- (flags & 10). Sides that are never a customer's are left out, by the transfer's code, because
-- every payment has one, always the same account: an index of them would only cost the mirror time.
-- `domain.statement.KINDS` says which, and a test compares.
CREATE INDEX ledger_transfers_debited
    ON ledger_transfers (debit_account_id, timestamp) INCLUDE (amount)
    WHERE flags & 10 = 0 AND code NOT IN (1, 2, 4, 6, 9);
CREATE INDEX ledger_transfers_credited
    ON ledger_transfers (credit_account_id, timestamp) INCLUDE (amount)
    WHERE flags & 10 = 0 AND code NOT IN (2, 3, 5, 6, 8);
-- Without it the planner takes one transfer in two hundred for a movement, and would rather sort a
-- busy account's whole history than walk along the index.
CREATE STATISTICS ledger_transfers_moving ON (flags & 10) FROM ledger_transfers;
