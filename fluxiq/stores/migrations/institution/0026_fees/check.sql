SELECT name || ' is missing' AS complaint
FROM (VALUES ('agreed_fees'), ('receipts_with_fee')) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
