-- Money that goes back: refunds of receipts, and payouts that were returned. Centavos.

-- Given back by us: one row per return id, for ever. Whether the sum fits the receipt is decided by
-- the ledger, where each refund holds its part of a limit, not by these rows.
CREATE TABLE refunds (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    end_to_end_id text NOT NULL REFERENCES receipts (end_to_end_id),
    return_id text NOT NULL UNIQUE,
    charge_id text REFERENCES charges,
    idempotency_key text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (reason IN ('customer', 'operational', 'fraud', 'cash')),
    description text NOT NULL,
    stage text NOT NULL CHECK (stage IN (
        'created', 'held', 'sent', 'in_doubt', 'confirmed', 'failed'
    )),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    failure_code text,
    reason_code text,
    metadata jsonb NOT NULL,
    CHECK ((stage = 'failed') = (failure_code IS NOT NULL))
);
CREATE INDEX refunds_of_merchant ON refunds (merchant_id, created_at DESC, id DESC);
CREATE INDEX refunds_of_receipt ON refunds (end_to_end_id);
CREATE INDEX refunds_open ON refunds (stage, updated_at)
    WHERE stage IN ('created', 'held', 'sent', 'in_doubt');

-- Given back to us: one row per return id, for ever.
CREATE TABLE payout_returns (
    return_id text PRIMARY KEY,
    payout_id text NOT NULL REFERENCES payouts,
    amount bigint NOT NULL CHECK (amount > 0),
    reason_code text,
    transfer_id uuid NOT NULL UNIQUE,
    returned_at timestamptz NOT NULL
);
CREATE INDEX payout_returns_of_payout ON payout_returns (payout_id);

ALTER TABLE charges ADD COLUMN refunded_amount bigint NOT NULL DEFAULT 0
    CHECK (refunded_amount >= 0 AND refunded_amount <= amount);
ALTER TABLE payouts ADD COLUMN returned_amount bigint NOT NULL DEFAULT 0
    CHECK (returned_amount >= 0 AND returned_amount <= amount);
