SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('charges_of_merchant'), ('payouts_of_merchant'), ('charges_of_account'),
    ('payouts_of_account'), ('api_keys_of_merchant')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
