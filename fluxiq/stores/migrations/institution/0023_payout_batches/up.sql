-- Payouts that one person writes down together and another one releases. Nothing of a batch is a
-- payout before: a line becomes one under a key that is derived from its batch and number.

CREATE TABLE payout_batches (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    status text NOT NULL CHECK (status IN (
        'awaiting_release', 'releasing', 'released', 'rejected', 'expired'
    )),
    line_count int NOT NULL CHECK (line_count > 0),
    amount bigint NOT NULL CHECK (amount > 0),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    reason text NOT NULL DEFAULT '',
    -- Two people for the money; who made a batch may only withdraw it.
    CONSTRAINT maker_is_not_checker CHECK (decided_by <> created_by OR status = 'rejected'),
    CONSTRAINT only_what_was_decided CHECK (
        (decided_by IS NOT NULL) = (status IN ('releasing', 'released', 'rejected'))
    ),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL))
);
CREATE INDEX payout_batches_of_merchant ON payout_batches (merchant_id, created_at DESC, id DESC);
CREATE INDEX payout_batches_waiting ON payout_batches (expires_at)
    WHERE status = 'awaiting_release';

-- `instruction` is sealed: it has the key that is paid. A line without outcome has neither a payout
-- nor a code.
CREATE TABLE payout_batch_lines (
    batch_id text NOT NULL REFERENCES payout_batches,
    number int NOT NULL CHECK (number > 0),
    instruction bytea NOT NULL,
    created_at timestamptz NOT NULL,
    payout_id text REFERENCES payouts,
    error_code text,
    PRIMARY KEY (batch_id, number)
);
CREATE INDEX payout_batch_lines_open ON payout_batch_lines (batch_id, number)
    WHERE payout_id IS NULL AND error_code IS NULL;
