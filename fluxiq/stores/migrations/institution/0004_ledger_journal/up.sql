-- The journal: every batch is one row, written before a backend may act on it. Whose answers count
-- is the row of ledger_authority; who writes names its epoch. Transfers and counters follow the
-- journal (ledger_take_in), whichever backend answered: nothing else writes them.

-- Authority

-- Sealing a batch moves last_seq under the epoch, so it waits for a change of authority and a
-- change waits for it, and seqs grow in the order of commits.
CREATE TABLE ledger_authority (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    epoch bigint NOT NULL CHECK (epoch > 0),
    mode text NOT NULL CHECK (mode IN ('tigerbeetle', 'queue', 'standin', 'recovering')),
    last_seq bigint NOT NULL CHECK (last_seq >= 0),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason text NOT NULL
) WITH (fillfactor = 10);
INSERT INTO ledger_authority (epoch, mode, last_seq, reason)
VALUES (1, 'standin', 0, 'the journal begins');

CREATE TABLE ledger_authority_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch bigint NOT NULL,
    mode text NOT NULL,
    last_seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    reason text NOT NULL
);
INSERT INTO ledger_authority_history (epoch, mode, last_seq, changed_at, reason)
SELECT epoch, mode, last_seq, changed_at, reason FROM ledger_authority;

-- Journal

-- records_reversed: TigerBeetle's records of 128 bytes, packed, and then all bytes in reverse. A
-- number that was little-endian is big-endian then, the one order that Postgres reads: decoding
-- takes 4 instead of 9 microseconds a transfer. results_reversed: its results of 16 bytes likewise.
CREATE TABLE ledger_journal (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    epoch bigint NOT NULL,
    backend text NOT NULL CHECK (backend IN ('tigerbeetle', 'standin')),
    count integer NOT NULL CHECK (count BETWEEN 1 AND 8189),
    records_reversed bytea NOT NULL,
    results_reversed bytea,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered_at timestamptz,
    mirrored boolean NOT NULL DEFAULT false,
    replayed boolean NOT NULL DEFAULT false,
    published boolean NOT NULL DEFAULT false,
    CHECK (octet_length(records_reversed) = 128 * count),
    CHECK (octet_length(results_reversed) = 16 * count),
    CHECK ((results_reversed IS NULL) = (answered_at IS NULL)),
    CHECK (results_reversed IS NOT NULL OR backend = 'tigerbeetle'),
    CHECK (results_reversed IS NOT NULL OR NOT (mirrored OR published)),
    CHECK (backend = 'standin' OR NOT replayed)
);
ALTER TABLE ledger_journal
    ALTER records_reversed SET STORAGE EXTERNAL,
    ALTER results_reversed SET STORAGE EXTERNAL;
-- What is still to do, and nothing else: these stay small however long the journal gets.
CREATE INDEX ledger_journal_to_answer ON ledger_journal (seq) WHERE results_reversed IS NULL;
CREATE INDEX ledger_journal_to_mirror ON ledger_journal (seq) WHERE NOT mirrored;
CREATE INDEX ledger_journal_to_replay ON ledger_journal (seq)
    WHERE backend = 'standin' AND NOT replayed;
CREATE INDEX ledger_journal_to_publish ON ledger_journal (seq)
    WHERE results_reversed IS NOT NULL AND NOT published;

-- The journal, decoded. NULL is 0; an amount is NULL when it needs more than 64 bits, as "all of
-- the hold" does; 64 bits without a sign are shown as the same bits with one. `status` is
-- TigerBeetle's number: 4294967295 is created. `answered_timestamp` is TigerBeetle's time, the
-- stand-in's answers have none.
--
-- Join it to something else only WITH record AS MATERIALIZED (SELECT ... FROM this view WHERE seq
-- ...): a join that sorts or hashes would carry the whole batch along with each of its records.
CREATE VIEW ledger_journal_records AS
SELECT
    journal.seq,
    journal.count - 1 - at / 128 AS place,
    journal.backend,
    journal.mirrored,
    ('x' || encode(substring(results, at / 8 + 5, 4), 'hex'))::bit(32)::bigint AS status,
    ('x' || encode(substring(results, at / 8 + 9, 8), 'hex'))::bit(64)::bigint
        AS answered_timestamp,
    encode(substring(records, at + 113, 16), 'hex')::uuid AS id,
    encode(substring(records, at + 97, 16), 'hex')::uuid AS debit_account_id,
    encode(substring(records, at + 81, 16), 'hex')::uuid AS credit_account_id,
    CASE WHEN substring(records, at + 65, 8) = '\x0000000000000000'
        THEN ('x' || encode(substring(records, at + 73, 8), 'hex'))::bit(64)::bigint
    END AS amount,
    CASE WHEN substring(records, at + 49, 16) <> '\x00000000000000000000000000000000'
        THEN encode(substring(records, at + 49, 16), 'hex')::uuid
    END AS pending_id,
    CASE WHEN substring(records, at + 33, 16) <> '\x00000000000000000000000000000000'
        THEN encode(substring(records, at + 33, 16), 'hex')::uuid
    END AS user_data_128,
    CASE WHEN substring(records, at + 25, 8) <> '\x0000000000000000'
        THEN ('x' || encode(substring(records, at + 25, 8), 'hex'))::bit(64)::bigint
    END AS user_data_64,
    CASE WHEN substring(records, at + 21, 4) <> '\x00000000'
        THEN ('x' || encode(substring(records, at + 21, 4), 'hex'))::bit(32)::bigint
    END AS user_data_32,
    CASE WHEN substring(records, at + 17, 4) <> '\x00000000'
        THEN ('x' || encode(substring(records, at + 17, 4), 'hex'))::bit(32)::bigint
    END AS timeout,
    -- These operators are of one precedence, and bind from the left.
    (get_byte(records, at + 12)::bigint << 24) | (get_byte(records, at + 13) << 16)
        | (get_byte(records, at + 14) << 8) | get_byte(records, at + 15) AS ledger,
    (get_byte(records, at + 10) << 8) | get_byte(records, at + 11) AS code,
    (get_byte(records, at + 8) << 8) | get_byte(records, at + 9) AS flags
FROM ledger_journal AS journal
-- Fetched once per row: OFFSET 0 keeps the planner from fetching it again for every field.
CROSS JOIN LATERAL (
    SELECT
        records_reversed || ''::bytea AS records,
        results_reversed || ''::bytea AS results
    OFFSET 0
) AS whole
CROSS JOIN LATERAL generate_series(128 * (journal.count - 1), 0, -128) AS at;

-- Accounts and transfers

-- unproven: by how much the debits of a limited account are ahead of its credits here, because a
-- batch that nobody has answered yet must have credited it (debited, where credits are limited).
-- Only what TigerBeetle answered can run ahead so; the stand-in never makes it more.
ALTER TABLE ledger_accounts
    ADD COLUMN in_tigerbeetle boolean NOT NULL DEFAULT false,
    ADD COLUMN unproven bigint NOT NULL DEFAULT 0 CHECK (unproven >= 0),
    DROP CONSTRAINT debits_do_not_exceed_credits,
    DROP CONSTRAINT credits_do_not_exceed_debits,
    ADD CONSTRAINT debits_do_not_exceed_credits
        CHECK (flags & 2 = 0 OR debits_pending + debits_posted <= credits_posted + unproven),
    ADD CONSTRAINT credits_do_not_exceed_debits
        CHECK (flags & 4 = 0 OR credits_pending + credits_posted <= debits_posted + unproven);
CREATE INDEX ledger_accounts_to_create ON ledger_accounts (id) WHERE NOT in_tigerbeetle;
CREATE INDEX ledger_accounts_unproven ON ledger_accounts (id) WHERE unproven > 0;

-- Where a transfer stands in the journal. The clock's row keeps timestamps unique; an index that
-- said so again would be a fifth of the mirror's work.
ALTER TABLE ledger_transfers
    ADD COLUMN journal_seq bigint,
    ADD COLUMN place integer,
    DROP CONSTRAINT ledger_transfers_timestamp_key;

-- What the answers are called, and which of them burn the id.
CREATE TABLE ledger_burning_answers (
    code bigint PRIMARY KEY,
    status text NOT NULL UNIQUE
);
INSERT INTO ledger_burning_answers (code, status) VALUES
    (21, 'debit_account_not_found'),
    (22, 'credit_account_not_found'),
    (25, 'pending_transfer_not_found'),
    (54, 'exceeds_credits'),
    (55, 'exceeds_debits'),
    (65, 'debit_account_already_closed'),
    (66, 'credit_account_already_closed'),
    (68, 'id_already_failed');  -- of a batch whose first answer was lost

-- What was written before there was a journal becomes its first rows, as the stand-in's, so that
-- it can be replayed into TigerBeetle like the rest. A reversed record is its fields from last to
-- first, big-endian. Of a refused transfer only the id is known. Rows end between chains.
WITH history AS (
    SELECT
        timestamp, id, flags & 1 AS linked,
        int8send(0) || substring(int4send(flags), 3) || substring(int4send(code), 3)
            || substring(int8send(ledger), 5) || int4send(0)
            || substring(int8send(coalesce(user_data_32, 0)), 5)
            || int8send(coalesce(user_data_64, 0))
            || coalesce(uuid_send(user_data_128), int8send(0) || int8send(0))
            || coalesce(uuid_send(pending_id), int8send(0) || int8send(0))
            || int8send(0) || int8send(amount)
            || uuid_send(credit_account_id) || uuid_send(debit_account_id) || uuid_send(id)
            AS record,
        int4send(0) || '\xffffffff' || int8send(timestamp) AS result
    FROM ledger_transfers
    UNION ALL
    SELECT
        timestamp, id, 0,
        decode(repeat('00', 112), 'hex') || uuid_send(id),
        int4send(0) || int4send(code::integer) || int8send(timestamp)
    FROM ledger_burnt_ids JOIN ledger_burning_answers USING (status)
), numbered AS (
    SELECT
        *,
        row_number() OVER in_order AS number,
        coalesce(lag(linked) OVER in_order, 0) AS continues
    FROM history WINDOW in_order AS (ORDER BY timestamp)
), chained AS (
    SELECT *, max(number) FILTER (WHERE continues = 0) OVER (ORDER BY number) AS chain
    FROM numbered
)
INSERT INTO ledger_journal (
    seq, epoch, backend, count, records_reversed, results_reversed, sealed_at, answered_at,
    mirrored, published
)
SELECT
    row_number() OVER (ORDER BY chain / 4096), 1, 'standin', count(*),
    string_agg(record, ''::bytea ORDER BY number DESC),
    string_agg(result, ''::bytea ORDER BY number DESC),
    to_timestamp(max(timestamp) / 1e9), to_timestamp(max(timestamp) / 1e9),
    true, true
FROM chained
GROUP BY chain / 4096;

UPDATE ledger_authority SET last_seq = (SELECT coalesce(max(seq), 0) FROM ledger_journal);
WITH record AS MATERIALIZED (
    SELECT seq, place, id FROM ledger_journal_records WHERE status = 4294967295
)
UPDATE ledger_transfers AS transfer
SET journal_seq = record.seq, place = record.place
FROM record
WHERE record.id = transfer.id;
ALTER TABLE ledger_transfers
    ALTER journal_seq SET NOT NULL,
    ALTER place SET NOT NULL;

DROP FUNCTION ledger_write;

-- Functions

-- Unqualified names below are this schema's for ever, whatever a session or a temporary table says.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- The next seq for a writer of `writers_epoch` in one of `modes`; object_not_in_prerequisite_state
-- for anybody else. Until the transaction ends nobody else seals, and the authority stays.
CREATE FUNCTION ledger_next_seq(writers_epoch bigint, modes text[])
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    next_seq bigint;
    now_in_charge text;
BEGIN
    UPDATE ledger_authority SET last_seq = last_seq + 1
    WHERE epoch = writers_epoch AND mode = ANY (modes)
    RETURNING last_seq INTO next_seq;

    IF NOT FOUND THEN
        SELECT format('epoch %s, %s', epoch, mode) INTO now_in_charge FROM ledger_authority;
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format(
                'the ledger is at %s, the writer at epoch %s', now_in_charge, writers_epoch
            );
    END IF;

    RETURN next_seq;
END
$$;

-- A batch for TigerBeetle.
CREATE FUNCTION ledger_seal(writers_epoch bigint, reversed bytea)
RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    sealed bigint;
BEGIN
    INSERT INTO ledger_journal (seq, epoch, backend, count, records_reversed)
    VALUES (
        ledger_next_seq(writers_epoch, '{tigerbeetle}'), writers_epoch, 'tigerbeetle',
        octet_length(reversed) / 128, reversed
    )
    RETURNING seq INTO sealed;
    RETURN sealed;
END
$$;

-- Results of sealed batches; an answered one keeps its first answer. Returns those seqs that are
-- not in the journal.
CREATE FUNCTION ledger_answer(seqs bigint[], reversed bytea[])
RETURNS bigint[] LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE ledger_journal AS journal
    SET results_reversed = answer.results, answered_at = clock_timestamp()
    FROM unnest(seqs, reversed) AS answer (seq, results)
    WHERE journal.seq = answer.seq AND journal.results_reversed IS NULL;

    RETURN ARRAY(
        SELECT asked.seq FROM unnest(seqs) AS asked (seq)
        WHERE NOT EXISTS (SELECT FROM ledger_journal AS journal WHERE journal.seq = asked.seq)
    );
END
$$;

-- From exactly (old_epoch, old_mode) to new_mode; NULL when the authority is elsewhere. The epoch
-- grows when another backend answers, or another process (old and new mode are the same): between
-- standin and recovering it is the same writer.
CREATE FUNCTION ledger_change_authority(
    old_epoch bigint, old_mode text, new_mode text, why text
) RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    new_epoch bigint;
    not_replayed bigint;
BEGIN
    UPDATE ledger_authority
    SET mode = new_mode, reason = why, changed_at = clock_timestamp(),
        epoch = epoch + CASE
            WHEN old_mode <> new_mode
                AND old_mode IN ('standin', 'recovering') AND new_mode IN ('standin', 'recovering')
            THEN 0 ELSE 1
        END
    WHERE epoch = old_epoch AND mode = old_mode
    RETURNING epoch INTO new_epoch;

    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    -- Nobody seals now, so what was replayed is all there is.
    IF new_mode = 'tigerbeetle' AND old_mode <> 'tigerbeetle' THEN
        SELECT seq INTO not_replayed FROM ledger_journal
        WHERE backend = 'standin' AND NOT replayed ORDER BY seq LIMIT 1;

        IF FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'assert_failure',
                MESSAGE = format('TigerBeetle does not have batch %s yet', not_replayed);
        END IF;
    END IF;

    INSERT INTO ledger_authority_history (epoch, mode, last_seq, changed_at, reason)
    SELECT epoch, mode, last_seq, changed_at, reason FROM ledger_authority;
    RETURN new_epoch;
END
$$;

-- Net changes of counters, one update per account however many transfers it had.
CREATE FUNCTION ledger_count(
    account_ids uuid[], more_debits_pending bigint[], more_debits_posted bigint[],
    more_credits_pending bigint[], more_credits_posted bigint[], of_tigerbeetle boolean
) RETURNS void LANGUAGE plpgsql SECURITY INVOKER
SET search_path FROM CURRENT
SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off AS $$
DECLARE
    changed bigint;
BEGIN
    UPDATE ledger_accounts AS account
    SET debits_pending = account.debits_pending + change.debits_pending,
        debits_posted = account.debits_posted + change.debits_posted,
        credits_pending = account.credits_pending + change.credits_pending,
        credits_posted = account.credits_posted + change.credits_posted,
        unproven = least(
            CASE WHEN NOT of_tigerbeetle THEN account.unproven END,
            greatest(0, CASE account.flags & 6
                WHEN 2 THEN
                    account.debits_pending + change.debits_pending
                    + account.debits_posted + change.debits_posted
                    - account.credits_posted - change.credits_posted
                WHEN 4 THEN
                    account.credits_pending + change.credits_pending
                    + account.credits_posted + change.credits_posted
                    - account.debits_posted - change.debits_posted
            END)
        )
    FROM unnest(
        account_ids, more_debits_pending, more_debits_posted, more_credits_pending,
        more_credits_posted
    ) AS change (id, debits_pending, debits_posted, credits_pending, credits_posted)
    WHERE account.id = change.id;
    GET DIAGNOSTICS changed = ROW_COUNT;

    IF changed <> cardinality(account_ids) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'assert_failure',
            MESSAGE = format(
                'changed %s accounts instead of %s', changed, cardinality(account_ids)
            );
    END IF;
END
$$;

-- What the answers in the batches `seqs` put on the books: transfers, burnt ids, counters. A record
-- at place p of a batch gets the timestamp before_first + start + p + 1.
--
-- Called with the clock's row locked. `skipped` are the timestamps of records that are on the books
-- already. `proven` restricts it to records with these ids, which stand whatever the answer of
-- their batch, because an answer elsewhere proves it. `of_tigerbeetle`: an answer may have been
-- lost, so what exists counts as created where it is new here; and see `unproven`.
--
-- Its one plan is kept, because making it takes milliseconds, and serves batches of every size,
-- whose records the planner cannot count: so records are joined by hashing, and tables are only
-- asked through their indexes (LATERAL).
CREATE FUNCTION ledger_take_in(
    seqs bigint[], starts bigint[], before_first bigint, skipped bigint[], proven uuid[],
    of_tigerbeetle boolean
) RETURNS void LANGUAGE plpgsql SECURITY INVOKER
SET search_path FROM CURRENT SET work_mem = '64MB'
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
    -- created; exists
    stands CONSTANT bigint[] :=
        CASE WHEN of_tigerbeetle THEN '{4294967295, 46}' ELSE '{4294967295}' END;
    account_ids uuid[];
    more_debits_pending bigint[];
    more_debits_posted bigint[];
    more_credits_pending bigint[];
    more_credits_posted bigint[];
    holds_missing bigint;
    of_other_ledgers bigint;
    not_supported bigint;
BEGIN
    WITH entries AS MATERIALIZED (
        SELECT
            seq, record.place, record.status, record.id,
            record.debit_account_id, record.credit_account_id, record.amount, record.pending_id,
            record.user_data_128, record.user_data_64, record.user_data_32,
            record.timeout, record.ledger, record.code, record.flags,
            before_first + batch.start + record.place + 1 AS timestamp
        FROM unnest(seqs, starts) AS batch (seq, start)
        JOIN ledger_journal_records AS record USING (seq)
        WHERE CASE
            WHEN proven IS NULL
            THEN record.status = ANY (stands)
                OR record.status IN (21, 22, 25, 54, 55, 65, 66, 68)
            ELSE record.id = ANY (proven)
        END
    ), standing AS (
        SELECT * FROM entries WHERE proven IS NOT NULL OR status = ANY (stands)
    ), resolved AS MATERIALIZED (
        SELECT DISTINCT pending_id AS id FROM standing WHERE flags & 12 <> 0
    ), holds AS MATERIALIZED (
        SELECT DISTINCT ON (id) *
        FROM (
            SELECT
                id, debit_account_id, credit_account_id, amount, ledger, code,
                user_data_128, user_data_64, user_data_32
            FROM standing JOIN resolved USING (id) WHERE flags & 2 <> 0
            UNION ALL
            SELECT hold.*
            FROM resolved
            CROSS JOIN LATERAL (
                SELECT
                    id, debit_account_id, credit_account_id, amount, ledger, code,
                    user_data_128, user_data_64, user_data_32
                FROM ledger_transfers AS transfer
                WHERE transfer.id = resolved.id AND flags & 2 <> 0
                LIMIT 1
            ) AS hold
        ) AS candidate
        ORDER BY id
    ), recorded AS MATERIALIZED (
        -- A post or void with what it leaves to its hold filled in.
        SELECT
            entry.seq, entry.place, entry.timestamp, entry.id, entry.pending_id, entry.flags,
            coalesce(hold.debit_account_id, entry.debit_account_id) AS debit_account_id,
            coalesce(hold.credit_account_id, entry.credit_account_id) AS credit_account_id,
            CASE entry.flags & 12
                WHEN 8 THEN hold.amount
                WHEN 4 THEN coalesce(entry.amount, hold.amount)
                ELSE entry.amount
            END AS amount,
            coalesce(hold.ledger, entry.ledger) AS ledger,
            coalesce(hold.code, entry.code) AS code,
            coalesce(entry.user_data_128, hold.user_data_128) AS user_data_128,
            coalesce(entry.user_data_64, hold.user_data_64) AS user_data_64,
            coalesce(entry.user_data_32, hold.user_data_32) AS user_data_32,
            hold.amount AS held,
            entry.timeout
        FROM standing AS entry
        LEFT JOIN holds AS hold ON hold.id = entry.pending_id AND entry.flags & 12 <> 0
        WHERE NOT EXISTS (
            SELECT FROM unnest(skipped) AS known (timestamp)
            WHERE known.timestamp = entry.timestamp
        )
    ), inserted AS (
        INSERT INTO ledger_transfers (
            id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
            user_data_128, user_data_64, user_data_32, timestamp, journal_seq, place
        )
        SELECT
            id, debit_account_id, credit_account_id, amount, pending_id, ledger, code, flags,
            user_data_128, user_data_64, user_data_32, timestamp, seq, place
        FROM recorded
        WHERE held IS NOT NULL OR flags & 12 = 0
        ORDER BY id  -- each page of the index is visited once: a tenth less at 2 million transfers
    ), burnt AS (
        INSERT INTO ledger_burnt_ids (id, status, timestamp)
        SELECT DISTINCT ON (entry.id) entry.id, answer.status, entry.timestamp
        FROM entries AS entry
        JOIN ledger_burning_answers AS answer ON answer.code = entry.status
        WHERE proven IS NULL
        ORDER BY entry.id, entry.timestamp
        ON CONFLICT (id) DO NOTHING
    ), pairs AS (
        SELECT
            debit_account_id, credit_account_id,
            sum(CASE WHEN flags & 2 <> 0 THEN amount WHEN flags & 12 <> 0 THEN -held ELSE 0 END)
                AS pending,
            sum(CASE WHEN flags & 10 = 0 THEN amount ELSE 0 END) AS posted
        FROM recorded
        GROUP BY debit_account_id, credit_account_id
    ), changes AS MATERIALIZED (
        SELECT
            account_id,
            sum(debits_pending)::bigint AS debits_pending,
            sum(debits_posted)::bigint AS debits_posted,
            sum(credits_pending)::bigint AS credits_pending,
            sum(credits_posted)::bigint AS credits_posted
        FROM (
            SELECT debit_account_id, pending, posted, 0, 0 FROM pairs
            UNION ALL
            SELECT credit_account_id, 0, 0, pending, posted FROM pairs
        ) AS side (account_id, debits_pending, debits_posted, credits_pending, credits_posted)
        GROUP BY account_id
    )
    SELECT
        array_agg(account_id), array_agg(debits_pending), array_agg(debits_posted),
        array_agg(credits_pending), array_agg(credits_posted),
        (SELECT count(*) FROM recorded WHERE held IS NULL AND flags & 12 <> 0),
        (SELECT count(*) FROM recorded
         WHERE ledger <> (SELECT account.ledger FROM ledger_accounts AS account LIMIT 1)),
        (SELECT count(*) FROM recorded WHERE flags & ~15 <> 0 OR timeout IS NOT NULL)
    INTO
        account_ids, more_debits_pending, more_debits_posted, more_credits_pending,
        more_credits_posted, holds_missing, of_other_ledgers, not_supported
    FROM changes;

    IF holds_missing > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = format('%s posts or voids of holds that are not known', holds_missing);
    END IF;

    IF of_other_ledgers + not_supported > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'assert_failure',
            MESSAGE = format(
                '%s transfers are of another ledger,'
                ' %s have a timeout or flags beyond chains and holds',
                of_other_ledgers, not_supported
            );
    END IF;

    PERFORM ledger_count(
        account_ids, more_debits_pending, more_debits_posted, more_credits_pending,
        more_credits_posted, of_tigerbeetle
    );
END
$$;

-- The timestamps of those records of `seqs` that are on the books already, or come twice: a batch
-- was answered "exists", or answered after an answer elsewhere had proven what it did.
CREATE FUNCTION ledger_known_already(
    seqs bigint[], starts bigint[], before_first bigint, proven uuid[]
) RETURNS bigint[] LANGUAGE sql STABLE SECURITY INVOKER SET search_path FROM CURRENT AS $$
    SELECT coalesce(array_agg(entry.timestamp), '{}')
    FROM (
        SELECT
            record.id,
            before_first + batch.start + record.place + 1 AS timestamp,
            row_number() OVER (PARTITION BY record.id ORDER BY batch.start, record.place) AS turn
        FROM unnest(seqs, starts) AS batch (seq, start)
        JOIN ledger_journal_records AS record USING (seq)
        WHERE CASE
            WHEN proven IS NULL THEN record.status IN (4294967295, 46)
            ELSE record.id = ANY (proven)
        END
    ) AS entry
    WHERE entry.turn > 1
        OR EXISTS (SELECT FROM ledger_transfers AS transfer WHERE transfer.id = entry.id)
$$;

-- Take in up to rows_max answered batches in order of seq, each exactly once; return how many.
CREATE FUNCTION ledger_mirror(rows_max integer)
RETURNS integer LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    before_first bigint;
    seqs bigint[];
    starts bigint[];
    total bigint;
    holds uuid[];
    hold_seqs bigint[];
    hold_starts bigint[];
    hold_total bigint;
    ahead record;
BEGIN
    -- Everybody's turn: no stand-in decides, and no other mirror looks, until this is committed.
    SELECT greatest(
        last_timestamp, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
    ) INTO before_first FROM ledger_clock FOR UPDATE;

    SELECT array_agg(seq ORDER BY seq), array_agg(start ORDER BY seq), sum(count)
    INTO seqs, starts, total
    FROM (
        SELECT seq, count, sum(count) OVER (ORDER BY seq) - count AS start
        FROM (
            SELECT seq, count FROM ledger_journal
            WHERE NOT mirrored AND results_reversed IS NOT NULL
            ORDER BY seq LIMIT rows_max
        ) AS batch
    ) AS started;

    IF seqs IS NULL THEN
        RETURN 0;
    END IF;

    BEGIN
        PERFORM ledger_take_in(seqs, starts, before_first, '{}', NULL, true);
    EXCEPTION WHEN unique_violation OR no_data_found THEN
        -- Rare, so it may take twice as long. A hold whose own batch has no answer yet stands when
        -- it was posted or voided: it comes first.
        holds := ARRAY(
            SELECT pending_id FROM ledger_journal_records
            WHERE seq = ANY (seqs) AND status IN (4294967295, 46) AND flags & 12 <> 0
            EXCEPT
            SELECT id FROM ledger_journal_records
            WHERE seq = ANY (seqs) AND status IN (4294967295, 46) AND flags & 2 <> 0
            EXCEPT
            SELECT transfer.id FROM ledger_transfers AS transfer
            WHERE transfer.id IN (
                SELECT pending_id FROM ledger_journal_records
                WHERE seq = ANY (seqs) AND flags & 12 <> 0
            )
        );

        IF cardinality(holds) > 0 THEN
            SELECT array_agg(seq ORDER BY seq), array_agg(start ORDER BY seq), sum(count)
            INTO hold_seqs, hold_starts, hold_total
            FROM (
                SELECT seq, count, sum(count) OVER (ORDER BY seq) - count AS start
                FROM ledger_journal WHERE NOT mirrored AND seq <> ALL (seqs)
            ) AS started;

            IF hold_seqs IS NOT NULL THEN
                PERFORM ledger_take_in(
                    hold_seqs, hold_starts, before_first,
                    ledger_known_already(hold_seqs, hold_starts, before_first, holds), holds, true
                );
                before_first := before_first + hold_total;
            END IF;
        END IF;

        PERFORM ledger_take_in(
            seqs, starts, before_first,
            ledger_known_already(seqs, starts, before_first, NULL), NULL, true
        );
    END;

    UPDATE ledger_clock SET last_timestamp = before_first + total;
    UPDATE ledger_journal SET mirrored = true WHERE seq = ANY (seqs);

    -- Only a batch that is still to come can explain an account ahead of its limit.
    SELECT id, unproven INTO ahead FROM ledger_accounts WHERE unproven > 0 LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT FROM ledger_journal WHERE NOT mirrored) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'assert_failure',
            MESSAGE = format('account %s is over its limit by %s', ahead.id, ahead.unproven);
    END IF;

    RETURN cardinality(seqs);
END
$$;

-- A batch that the stand-in decided when the clock stood at `decided_at` and the batches `unknown`
-- had no answer. Returns its seq, or NULL, with nothing written, when it has to decide again:
-- another batch was written since, or the mirror has to catch up first.
CREATE FUNCTION ledger_stand_in(
    writers_epoch bigint, decided_at bigint, unknown bigint[], reversed bytea, results bytea
) RETURNS bigint LANGUAGE plpgsql SECURITY INVOKER SET search_path FROM CURRENT AS $$
DECLARE
    before_first bigint;
    sealed bigint;
BEGIN
    UPDATE ledger_clock
    SET last_timestamp = octet_length(reversed) / 128 + greatest(
        last_timestamp, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
    )
    WHERE last_timestamp = decided_at
    RETURNING last_timestamp - octet_length(reversed) / 128 INTO before_first;

    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    -- First, because it waits for who is sealing: what is in the journal afterwards is all.
    sealed := ledger_next_seq(writers_epoch, '{standin,recovering}');

    IF EXISTS (SELECT FROM ledger_journal WHERE NOT mirrored AND seq <> ALL (unknown)) THEN
        UPDATE ledger_clock SET last_timestamp = decided_at;
        RETURN NULL;
    END IF;

    INSERT INTO ledger_journal (
        seq, epoch, backend, count, records_reversed, results_reversed, answered_at, mirrored
    )
    VALUES (
        sealed, writers_epoch, 'standin', octet_length(reversed) / 128, reversed, results,
        clock_timestamp(), true
    );
    PERFORM ledger_take_in(ARRAY[sealed], '{0}', before_first, '{}', NULL, false);
    RETURN sealed;
END
$$;

REVOKE ALL ON FUNCTION
    ledger_next_seq, ledger_seal, ledger_answer, ledger_change_authority, ledger_count,
    ledger_take_in, ledger_known_already, ledger_mirror, ledger_stand_in
FROM PUBLIC;
