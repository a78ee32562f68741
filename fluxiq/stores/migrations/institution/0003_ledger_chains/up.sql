-- Chains and the callers' own data: a transfer is recorded with the flag LINKED (1) when the next
-- one belongs to its chain, and with user_data. NULL is 0, as in pending_id. 64 bits without a sign
-- are stored as the same bits with one: 2^63 is the least bigint.
ALTER TABLE ledger_transfers
    ADD COLUMN user_data_128 uuid,
    ADD COLUMN user_data_64 bigint,
    ADD COLUMN user_data_32 bigint CHECK (user_data_32 > 0 AND user_data_32 < 4294967296),
    DROP CONSTRAINT ledger_transfers_flags_check,
    DROP CONSTRAINT ledger_transfers_check1,
    ADD CONSTRAINT ledger_transfers_flags_check CHECK (flags & ~1 IN (0, 2, 4, 8)),
    ADD CONSTRAINT ledger_transfers_resolution_check
        CHECK ((flags & ~1 IN (4, 8)) = (pending_id IS NOT NULL));

-- Unqualified names below are this schema's for ever, whatever a session or a temporary table says.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

DROP FUNCTION ledger_write;

-- One batch, all or nothing. False, and nothing is written, when another batch was written since
-- the clock stood at `decided_at`. Every row that was decided must be there to be written.
CREATE FUNCTION ledger_write(
    decided_at bigint,
    ids uuid[], debit_account_ids uuid[], credit_account_ids uuid[], amounts bigint[],
    pending_ids uuid[], ledgers bigint[], codes integer[], transfer_flags integer[],
    user_data_128s uuid[], user_data_64s bigint[], user_data_32s bigint[],
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
        id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
        user_data_128, user_data_64, user_data_32, timestamp
    )
    SELECT
        id, debit, credit, amount, pending_id, ledger, code, flags,
        user_data_128, user_data_64, user_data_32, before_first + place
    FROM unnest(
        ids, debit_account_ids, credit_account_ids, amounts, pending_ids, ledgers, codes,
        transfer_flags, user_data_128s, user_data_64s, user_data_32s
    ) WITH ORDINALITY
        AS created (
            id, debit, credit, amount, pending_id, ledger, code, flags,
            user_data_128, user_data_64, user_data_32, place
        );

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
