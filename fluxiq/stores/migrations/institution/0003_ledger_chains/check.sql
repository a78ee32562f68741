SELECT 'ledger_transfers.' || name || ' is missing' AS complaint
FROM (VALUES ('user_data_128'), ('user_data_64'), ('user_data_32')) AS expected (name)
WHERE NOT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = 'ledger_transfers'::regclass AND attname = name AND NOT attisdropped
)
UNION ALL
SELECT 'ledger_write is missing' WHERE to_regproc('ledger_write') IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
UNION ALL
SELECT 'ledger ' || ledger || ': debits and credits differ'
FROM ledger_accounts
GROUP BY ledger
HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
