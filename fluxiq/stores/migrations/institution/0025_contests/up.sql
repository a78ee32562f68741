-- Payments of our customers that they say were fraud (MED, the payer's side). `owed` is what the
-- provider is owed next, null when nothing can happen any more; `in_doubt`: it was told that, and
-- did not answer. `details` are sealed, as people may be named in them.
CREATE TABLE contests (
    id text PRIMARY KEY,
    payout_id text NOT NULL REFERENCES payouts,
    merchant_id text NOT NULL REFERENCES merchants,
    account_id text NOT NULL REFERENCES accounts,
    end_to_end_id text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL CHECK (reason IN (
        'scam', 'account_takeover', 'coercion', 'fraudulent_access', 'other'
    )),
    details bytea NOT NULL,
    status text NOT NULL CHECK (status IN (
        'reporting', 'reported', 'acknowledged', 'accepted', 'rejected', 'cancelled', 'refused'
    )),
    provider text NOT NULL,
    opened_by text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    owed text CHECK (owed IN ('report', 'cancel', 'ask')),
    in_doubt boolean NOT NULL,
    status_reason text,
    reported_at timestamptz,
    decided_at timestamptz,
    CHECK (NOT in_doubt OR owed IS NOT NULL),
    CHECK ((owed IS NULL) <= (status IN ('accepted', 'rejected', 'cancelled', 'refused'))),
    CHECK ((status IN ('accepted', 'rejected')) = (decided_at IS NOT NULL))
);
-- One that is in the way of another (`domain.contest.in_the_way`): of any number at once, one wins.
CREATE UNIQUE INDEX contests_in_the_way ON contests (payout_id)
    WHERE status NOT IN ('rejected', 'cancelled', 'refused') OR owed IS NOT NULL;
CREATE INDEX contests_owing ON contests (due_at) WHERE owed IS NOT NULL;
CREATE INDEX contests_of_payout ON contests (payout_id, created_at DESC);
CREATE INDEX contests_of_merchant ON contests (merchant_id, created_at DESC);
CREATE INDEX contests_of_payment ON contests (end_to_end_id);
