SELECT name || ' is missing' AS complaint
FROM (VALUES
    ('merchants'), ('api_keys'), ('accounts'), ('pix_keys'), ('idempotency_keys'), ('charges'),
    ('inbox'), ('receipts'), ('payouts'), ('events'), ('webhook_endpoints'), ('deliveries'),
    ('outbox'), ('walk_steps'), ('audit_trail')
) AS expected (name)
WHERE to_regclass(name) IS NULL
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
