SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('ledger_clock'), ('ledger_accounts'), ('ledger_transfers'), ('ledger_burnt_ids')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT 'ledger_write is missing' WHERE to_regproc('ledger_write') IS NULL
UNION ALL
SELECT 'ledger_clock has ' || count(*) || ' rows, not one' FROM ledger_clock HAVING count(*) <> 1
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
UNION ALL
SELECT 'ledger ' || ledger || ': debits and credits differ'
FROM ledger_accounts
GROUP BY ledger
HAVING sum(debits_posted) <> sum(credits_posted) OR sum(debits_pending) <> sum(credits_pending)
