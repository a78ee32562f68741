SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('payout_batches'), ('payout_batches_of_merchant'), ('payout_batches_waiting'),
    ('payout_batch_lines'), ('payout_batch_lines_open')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
