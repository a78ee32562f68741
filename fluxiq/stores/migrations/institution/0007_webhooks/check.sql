SELECT 'delivery_attempts is missing' AS complaint
WHERE to_regclass('delivery_attempts') IS NULL
UNION ALL
SELECT 'delivery ' || deliveries.id || ' is not of the time of its event'
FROM deliveries JOIN events ON events.id = event_id
WHERE deliveries.created_at <> events.created_at
UNION ALL
SELECT conrelid::regclass || '.' || conname || ' is not validated'
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated
