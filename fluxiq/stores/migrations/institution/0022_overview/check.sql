SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('receipts_of_merchant'), ('receipts_without_index'), ('payouts_ended'),
    ('charges_by_creation'),
    ('payouts_by_creation'), ('refunds_by_creation'), ('transfers_by_creation')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
