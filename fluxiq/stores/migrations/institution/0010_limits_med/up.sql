-- What customers may pay, by day and by night.

-- One row for each account that ever paid: what its customer chose, and what was used of it on the
-- last day and night that something was paid in. It is locked by whoever opens a payout or ends one
-- as failed, after payouts and before idempotency keys.
CREATE TABLE payout_limits (
    account_id text PRIMARY KEY REFERENCES accounts,
    version bigint NOT NULL DEFAULT 0,
    chosen jsonb,
    raised jsonb,
    raised_at timestamptz,
    day date,
    day_used bigint NOT NULL DEFAULT 0 CHECK (day_used >= 0),
    night date,
    night_used bigint NOT NULL DEFAULT 0 CHECK (night_used >= 0),
    CHECK ((raised IS NULL) = (raised_at IS NULL)),
    CHECK (raised IS NULL OR chosen IS NOT NULL)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);

-- Which windows a payout counts into, so that a failed one gives back what it used.
ALTER TABLE payouts
    ADD COLUMN counted_day date,
    ADD COLUMN counted_night date,
    ADD CHECK (counted_night IS NULL OR counted_day IS NOT NULL);

-- Payouts for another day: nothing is held until then.
ALTER TABLE payouts
    ADD COLUMN scheduled_for date,
    DROP CONSTRAINT payouts_stage_check,
    ADD CONSTRAINT payouts_stage_check CHECK (stage IN (
        'scheduled', 'created', 'held', 'sent', 'in_doubt', 'confirmed', 'failed', 'returned',
        'cancelled'
    )),
    ADD CHECK (stage NOT IN ('scheduled', 'cancelled') OR scheduled_for IS NOT NULL);
CREATE INDEX payouts_scheduled ON payouts (scheduled_for, id) WHERE stage = 'scheduled';

-- MED: reports that money received was obtained by fraud, and what is set aside meanwhile.
CREATE TABLE med_reports (
    id text PRIMARY KEY,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    end_to_end_id text NOT NULL REFERENCES receipts (end_to_end_id),
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (reason IN (
        'scam', 'account_takeover', 'coercion', 'fraudulent_access', 'other'
    )),
    details text NOT NULL,
    stage text NOT NULL CHECK (stage IN (
        'created', 'open', 'acknowledged', 'agreed', 'disagreed', 'expired', 'cancelled'
    )),
    opened_by text NOT NULL,
    asked_by text NOT NULL,
    idempotency_key text,
    attempt integer NOT NULL CHECK (attempt >= 0),
    blocked_amount bigint NOT NULL CHECK (blocked_amount BETWEEN 0 AND amount),
    blocked_until timestamptz,
    refund_id text,
    return_id text UNIQUE,
    returned_amount bigint NOT NULL CHECK (returned_amount BETWEEN 0 AND blocked_amount),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    settled_at timestamptz,
    CHECK ((stage = 'created') = (blocked_until IS NULL)),
    CHECK (settled_at IS NULL OR stage IN ('agreed', 'disagreed', 'expired', 'cancelled')),
    CHECK ((returned_amount > 0) = (refund_id IS NOT NULL)),
    CHECK ((refund_id IS NULL) = (return_id IS NULL)),
    CHECK (returned_amount = 0 OR stage = 'agreed')
);
-- A payment has one report at a time.
CREATE UNIQUE INDEX med_reports_open ON med_reports (end_to_end_id) WHERE settled_at IS NULL;
CREATE INDEX med_reports_newest ON med_reports (created_at DESC, id DESC);
CREATE INDEX med_reports_of_merchant ON med_reports (merchant_id, created_at DESC, id DESC);
-- What a sweep looks for.
CREATE INDEX med_reports_unfinished ON med_reports (updated_at) WHERE settled_at IS NULL;

-- Another amount than the charge's says which way: the payer is owed something, or still owes it.
ALTER TABLE receipts DROP CONSTRAINT receipts_reason_check;
UPDATE receipts SET reason = CASE
    WHEN receipts.amount < charges.amount THEN 'underpaid' ELSE 'overpaid'
END
FROM charges WHERE charges.id = receipts.charge_id AND receipts.reason = 'wrong_amount';
ALTER TABLE receipts ADD CONSTRAINT receipts_reason_check CHECK (reason IN (
    'pays_charge', 'no_charge', 'late', 'underpaid', 'overpaid', 'charge_already_paid',
    'charge_cancelled', 'unidentified'
));
