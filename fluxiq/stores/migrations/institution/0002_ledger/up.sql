-- The ledger of one institution: accounts with counters, and an append-only history. Money is
-- centavos, ids are 128 bits, timestamps are nanoseconds. Flags and codes are TigerBeetle's.

-- One row: the last timestamp given. Whoever writes a batch takes it first, so batches are decided
-- one after the other, and a larger timestamp was always committed later.
CREATE TABLE ledger_clock (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    last_timestamp bigint NOT NULL CHECK (last_timestamp >= 0)
) WITH (fillfactor = 10);
INSERT INTO ledger_clock (last_timestamp) VALUES (0);

-- Counters grow by one update per batch and account, however many transfers the batch has. The
-- checks repeat what was decided, whoever decided it: flag 2 is DEBITS_MUST_NOT_EXCEED_CREDITS,
-- flag 4 CREDITS_MUST_NOT_EXCEED_DEBITS.
CREATE TABLE ledger_accounts (
    id uuid PRIMARY KEY,
    ledger bigint NOT NULL CHECK (ledger > 0 AND ledger < 4294967296),
    code integer NOT NULL CHECK (code > 0 AND code < 65536),
    flags integer NOT NULL CHECK (flags IN (0, 2, 4)),
    debits_pending bigint NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
    debits_posted bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
    credits_pending bigint NOT NULL DEFAULT 0 CHECK (credits_pending >= 0),
    credits_posted bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
    CONSTRAINT debits_do_not_exceed_credits
        CHECK (flags & 2 = 0 OR debits_pending + debits_posted <= credits_posted),
    CONSTRAINT credits_do_not_exceed_debits
        CHECK (flags & 4 = 0 OR credits_pending + credits_posted <= debits_posted)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- What was applied, for ever, with what a post or void took from its hold filled in: flag 2 is
-- PENDING, 4 POST_PENDING_TRANSFER, 8 VOID_PENDING_TRANSFER.
CREATE TABLE ledger_transfers (
    id uuid PRIMARY KEY,
    debit_account_id uuid NOT NULL,
    credit_account_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    pending_id uuid,
    ledger bigint NOT NULL CHECK (ledger > 0 AND ledger < 4294967296),
    code integer NOT NULL CHECK (code > 0 AND code < 65536),
    flags integer NOT NULL CHECK (flags IN (0, 2, 4, 8)),
    timestamp bigint NOT NULL UNIQUE CHECK (timestamp > 0),
    CHECK (debit_account_id <> credit_account_id),
    CHECK ((flags IN (4, 8)) = (pending_id IS NOT NULL))
);
-- A hold is posted or voided once.
CREATE UNIQUE INDEX ledger_transfers_resolving ON ledger_transfers (pending_id)
    WHERE pending_id IS NOT NULL;

-- Ids that were refused for a reason that may pass: they fail for ever. `status` is that reason.
CREATE TABLE ledger_burnt_ids (
    id uuid PRIMARY KEY,
    status text NOT NULL,
    timestamp bigint NOT NULL CHECK (timestamp > 0)
);
