SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('transfers'), ('transfers_of_merchant'), ('transfers_of_source'),
    ('transfers_of_destination'), ('transfers_unfinished'), ('transfers_to_approve'),
    ('ledger_transfers_debited'), ('ledger_transfers_credited')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT indexrelid::regclass || ' is not valid'
FROM pg_index
WHERE NOT indisvalid
    AND indrelid IN (SELECT to_regclass(name) FROM (VALUES
        ('transfers'), ('ledger_transfers')) AS indexed (name))
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
