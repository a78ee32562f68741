-- The ledger of one institution: accounts with counters, and an append-only history. Money is
-- centavos, ids are 128 bits, timestamps are nanoseconds. Flags and codes are TigerBeetle's.

-- One row: the last timestamp given. Whoever writes a batch moves it first, from where it was when
-- the batch was decided: so every batch is decided on what the one before it left, and a larger
-- timestamp was always committed later.
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

-- Unqualified names below are this schema's for ever, whatever a session or a temporary table says.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- One batch, all or nothing. False, and nothing is written, when another batch was written since
-- the clock stood at `decided_at`. Every row that was decided must be there to be written.
CREATE FUNCTION ledger_write(
    decided_at bigint,
    ids uuid[], debit_account_ids uuid[], credit_account_ids uuid[], amounts bigint[],
    pending_ids uuid[], ledgers bigint[], codes integer[], transfer_flags integer[],
    burnt_ids uuid[], burnt_statuses text[],
    account_ids uuid[], more_debits_pending bigint[], more_debits_posted bigint[],
    more_credits_pending bigint[], more_credits_posted bigint[]
) RETURNS boolean LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    before_first bigint;
    changed bigint;
BEGIN
    UPDATE ledger_clock
    SET last_timestamp = cardinality(ids) + cardinality(burnt_ids) + greatest(
        last_timestamp,
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
    )
    WHERE last_timestamp = decided_at
    RETURNING last_timestamp - cardinality(ids) - cardinality(burnt_ids) INTO before_first;

    IF NOT FOUND THEN
        RETURN false;
    END IF;

    INSERT INTO ledger_transfers (
        id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags, timestamp
    )
    SELECT id, debit, credit, amount, pending_id, ledger, code, flags, before_first + place
    FROM unnest(
        ids, debit_account_ids, credit_account_ids, amounts, pending_ids, ledgers, codes,
        transfer_flags
    ) WITH ORDINALITY
        AS created (id, debit, credit, amount, pending_id, ledger, code, flags, place);

    IF cardinality(burnt_ids) > 0 THEN
        INSERT INTO ledger_burnt_ids (id, status, timestamp)
        SELECT id, status, before_first + cardinality(ids) + place
        FROM unnest(burnt_ids, burnt_statuses) WITH ORDINALITY AS burnt (id, status, place);
    END IF;

    UPDATE ledger_accounts AS account
    SET debits_pending = account.debits_pending + change.debits_pending,
        debits_posted = account.debits_posted + change.debits_posted,
        credits_pending = account.credits_pending + change.credits_pending,
        credits_posted = account.credits_posted + change.credits_posted
    FROM unnest(
        account_ids, more_debits_pending, more_debits_posted, more_credits_pending,
        more_credits_posted
    ) AS change (id, debits_pending, debits_posted, credits_pending, credits_posted)
    WHERE account.id = change.id;
    GET DIAGNOSTICS changed = ROW_COUNT;

    IF changed <> cardinality(account_ids) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'assert_failure',
            MESSAGE = format('changed %s accounts instead of %s', changed, cardinality(account_ids));
    END IF;

    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION ledger_write FROM PUBLIC;
