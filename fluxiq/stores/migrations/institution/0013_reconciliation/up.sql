-- Reconciliation with the providers' statements (docs/reconciliation.md). Centavos.

-- One comparison of a window. `step` and `cursor` are how far it has come: whoever goes on, after a
-- crash too, goes on there.
CREATE TABLE reconciliation_runs (
    id text PRIMARY KEY,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('under_way', 'done', 'abandoned')),
    step text NOT NULL,
    cursor text NOT NULL,
    pages integer NOT NULL DEFAULT 0 CHECK (pages >= 0),
    lines bigint NOT NULL DEFAULT 0,
    lines_amount bigint NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0,
    records_amount bigint NOT NULL DEFAULT 0,
    matched bigint NOT NULL DEFAULT 0,
    matched_amount bigint NOT NULL DEFAULT 0,
    differences bigint NOT NULL DEFAULT 0,
    healed bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK (since < until),
    CHECK ((state = 'under_way') = (ended_at IS NULL))
);
-- One at a time: what two runs see of the same lines must not be mixed up.
CREATE UNIQUE INDEX reconciliation_runs_under_way ON reconciliation_runs (state)
    WHERE state = 'under_way';
CREATE INDEX reconciliation_runs_newest ON reconciliation_runs (started_at DESC, id DESC);

-- What the statements said lately, a line for each id: a payment whose notice came late is compared
-- with the line of the day on which it settled. `times`: how often the run `run_id` saw it.
CREATE TABLE statement_lines (
    flow text NOT NULL CHECK (flow IN ('received', 'sent', 'refunded', 'returned')),
    id text NOT NULL,
    provider text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    settled_at timestamptz NOT NULL,
    run_id text NOT NULL,
    times integer NOT NULL CHECK (times > 0),
    PRIMARY KEY (flow, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX statement_lines_settled ON statement_lines (settled_at);

-- Where a statement and our records differ, once for each id and kind, for ever.
CREATE TABLE reconciliation_differences (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow text NOT NULL CHECK (flow IN ('received', 'sent', 'refunded', 'returned')),
    record_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN (
        'missing_here', 'missing_there', 'amount_differs', 'state_differs', 'doubled_there'
    )),
    ours bigint,
    theirs bigint,
    settled_at timestamptz NOT NULL,
    detail text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'healing', 'healed', 'resolved')),
    run_id text NOT NULL,
    found_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    looked_at timestamptz,
    reason text,
    UNIQUE (flow, record_id, kind),
    CHECK ((state = 'resolved') = (reason IS NOT NULL))
);
CREATE INDEX reconciliation_differences_unresolved
    ON reconciliation_differences (looked_at NULLS FIRST, id) WHERE state IN ('open', 'healing');

-- One job prunes all that is pruned for its age; the one for idempotency keys alone is gone.
DELETE FROM job_schedules WHERE name = 'idempotency_keys.prune';
DELETE FROM job_keys WHERE kind = 'idempotency_keys.prune';
UPDATE jobs SET state = 'cancelled', lease_until = NULL, ended_at = now()
WHERE kind = 'idempotency_keys.prune' AND ended_at IS NULL;

-- What settled when, for the way from our records to a statement. Rows are written in about the
-- order of these times, so a summary of each stretch of the table is enough, and costs payments
-- nothing: an index entry for each of them would.
CREATE INDEX receipts_by_time ON receipts
    USING brin (received_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX payouts_by_time ON payouts
    USING brin (updated_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX refunds_by_time ON refunds
    USING brin (updated_at) WITH (pages_per_range = 16, autosummarize = on);
CREATE INDEX payout_returns_by_time ON payout_returns
    USING brin (returned_at) WITH (pages_per_range = 16, autosummarize = on);
