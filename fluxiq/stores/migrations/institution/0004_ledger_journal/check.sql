WITH record AS MATERIALIZED (SELECT * FROM ledger_journal_records)
SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('ledger_authority'), ('ledger_authority_history'), ('ledger_journal'),
    ('ledger_journal_records'), ('ledger_burning_answers')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT name || ' is missing'
FROM (VALUES
    ('ledger_seal'), ('ledger_answer'), ('ledger_change_authority'), ('ledger_mirror'),
    ('ledger_stand_in')
) AS expected (name)
WHERE to_regproc(name) IS NULL
UNION ALL
SELECT 'ledger_authority has ' || count(*) || ' rows, not one'
FROM ledger_authority HAVING count(*) <> 1
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
UNION ALL
-- The journal has all that was written before it, and nothing else.
SELECT 'transfer ' || coalesce(transfer.id, record.id) || ' differs from its place in the journal'
FROM ledger_transfers AS transfer
FULL JOIN (SELECT * FROM record WHERE status = 4294967295) AS record
    ON (
        record.seq, record.place, record.id, record.debit_account_id, record.credit_account_id,
        record.amount, record.ledger, record.code, record.flags,
        coalesce(record.pending_id, record.id), coalesce(record.user_data_128, record.id),
        coalesce(record.user_data_64, 0), coalesce(record.user_data_32, 0)
    ) = (
        transfer.journal_seq, transfer.place, transfer.id, transfer.debit_account_id,
        transfer.credit_account_id, transfer.amount, transfer.ledger, transfer.code,
        transfer.flags, coalesce(transfer.pending_id, transfer.id),
        coalesce(transfer.user_data_128, transfer.id), coalesce(transfer.user_data_64, 0),
        coalesce(transfer.user_data_32, 0)
    )
WHERE transfer.id IS NULL OR record.id IS NULL
UNION ALL
SELECT 'refused id ' || burnt.id || ' is not in the journal'
FROM ledger_burnt_ids AS burnt
WHERE NOT EXISTS (
    SELECT FROM record
    JOIN ledger_burning_answers AS answer ON answer.code = record.status
    WHERE record.id = burnt.id AND answer.status = burnt.status
)
UNION ALL
SELECT 'ledger ' || ledger || ': debits and credits differ'
FROM ledger_accounts
GROUP BY ledger
HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
